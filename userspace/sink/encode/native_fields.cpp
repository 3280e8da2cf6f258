// SPDX-License-Identifier: Apache-2.0
// The same as ../schema/event.schema.json; the tests compare the two.
#include "sink/encode/native_fields.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace portlid::sink {

namespace {

constexpr std::string_view kTextFields =
    "host.name host.boot_id sensor.version sensor.hook sensor.policy mode mode.requested "
    "mode.effective mode.scope mode.from mode.to verdict reason rule.name rule.source "
    "net.family net.transport net.interface net.zone target.exe target.container.id "
    "target.container.name target.container.image target.container.compose.project "
    "target.container.compose.service estimates process.exe process.comm process.user "
    "container.id container.name container.image container.compose.project "
    "container.compose.service cgroup socket.family socket.transport exposure.scope transport "
    "family holder.exe holder.comm holder.user holder.unit holder.container.id "
    "holder.container.name holder.container.image holder.container.compose.project "
    "holder.container.compose.service ufw service reach.zone reach.now reach.enforced "
    "previous.verdict previous.holder.exe previous.holder.comm previous.holder.user "
    "previous.holder.unit previous.holder.container.id previous.holder.container.name "
    "previous.holder.container.image previous.holder.container.compose.project "
    "previous.holder.container.compose.service owner policy.file policy.hash policy.mode "
    "policy.how policy.by.user errors.file errors.message errors.hint ban.reason attach "
    "engine.endpoint engine.problem interfaces.name interfaces.zone interfaces.attach "
    "interfaces.mode interfaces.why what why advice on_exit gap.cause gap.sink hooks.name "
    "hooks.state hooks.why";
constexpr std::string_view kNumberFields =
    "sensor.generation net.vlan net.bytes net.icmp.type net.icmp.code src.port dst.port "
    "target.pid count distinct_sources distinct_ports sources.count process.pid process.ppid "
    "process.uid netns socket.port socket.requested_port socket.backlog socket.cookie "
    "exposure.published.host_port exposure.published.container_port port ports.first "
    "ports.last published.host_port published.container_port holder.pid previous.holder.pid "
    "policy.generation policy.previous policy.from policy.by.uid policy.by.pid errors.line "
    "errors.column ban.hits engine.containers gap.count gap.total events.emitted "
    "events.lost.ring events.lost.queue events.lost.spool";
constexpr std::string_view kFlagFields =
    "socket.reuseport socket.v6only socket.mptcp exposure.published.proxy preexisting "
    "published.proxy policy.forced test";
constexpr std::string_view kTimeFields = "first last process.start ban.until gap.since";
constexpr std::string_view kAddressFields =
    "src.ip dst.ip target.inner sources.ip socket.address exposure.published.host_ip address "
    "published.host_ip ban.source";

std::vector<NativeField> all_native_fields() {
    std::vector<NativeField> all;
    const auto append = [&all](std::string_view paths, FieldType type) {
        for (const auto path : split(paths, ' ')) all.push_back({path, type});
    };
    append(kTextFields, FieldType::Text);
    append(kNumberFields, FieldType::Number);
    append(kFlagFields, FieldType::Flag);
    append(kTimeFields, FieldType::Time);
    append(kAddressFields, FieldType::Address);
    return all;
}

}  // namespace

const std::vector<NativeField>& native_fields() {
    static const auto kAll = all_native_fields();
    return kAll;
}

bool is_typed_text(std::string_view path) {
    const auto& all = native_fields();
    return std::any_of(all.begin(), all.end(), [path](const auto& field) {
        return field.path == path &&
               (field.type == FieldType::Time || field.type == FieldType::Address);
    });
}

}  // namespace portlid::sink
