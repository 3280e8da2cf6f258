// SPDX-License-Identifier: Apache-2.0
#include "kernel/enforcement.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>

namespace portlid::kernel {

namespace {

// One zone of one generation.
struct ZoneView {
    const zone_rules& rules;
    const policy_modes& modes;
    std::uint32_t index;

    [[nodiscard]] std::span<const mode_exception> exceptions() const {
        return {modes.exceptions, std::min(modes.exception_count, MAX_MODE_EXCEPTIONS)};
    }
    [[nodiscard]] bool enforces(std::uint64_t service) const {
        for (const auto& entry : exceptions())
            if (entry.zone == index && entry.service == service) return entry.enforce != 0;
        return rules.enforce != 0;
    }
    [[nodiscard]] bool enforces_anything() const {
        const auto list = exceptions();
        return rules.enforce != 0 ||
               std::any_of(list.begin(), list.end(), [this](const mode_exception& entry) {
                   return entry.zone == index && entry.enforce != 0;
               });
    }
};

std::optional<ZoneView> same_zone(const Enforcement* before, std::uint64_t name) {
    if (before == nullptr) return std::nullopt;
    for (std::uint32_t i = 0; i < before->zone_count; ++i)
        if (before->modes.zone_names[i] == name)
            return ZoneView{before->zones[i], before->modes, i};
    return std::nullopt;
}

// Some service that monitored under `before` enforces under `next`, both zones being one.
bool some_service_begins(const ZoneView& next, const ZoneView& before) {
    const auto begins = [&](const ZoneView& named_by, const mode_exception& entry) {
        return entry.zone == named_by.index && next.enforces(entry.service) &&
               !before.enforces(entry.service);
    };
    for (const auto* view : {&next, &before})
        for (const auto& entry : view->exceptions())
            if (begins(*view, entry)) return true;
    return false;
}

bool begins(const ZoneView& next, const std::optional<ZoneView>& before) {
    if (!next.enforces_anything()) return false;
    if (!before || before->rules.enforce_since_ns == 0) return true;
    if (next.rules.enforce != 0 && before->rules.enforce == 0) return true;
    return some_service_begins(next, *before);
}

}  // namespace

std::unique_ptr<Enforcement> enforcement_of(const policy_image& image) {
    auto out = std::make_unique<Enforcement>();
    std::copy(std::begin(image.zones), std::end(image.zones), out->zones.begin());
    out->zone_count = std::min(image.head.zone_count, MAX_ZONES);
    out->modes = image.modes;
    return out;
}

bool begins_to_enforce(const policy_image& next, const Enforcement* before) {
    for (std::uint32_t i = 0; i < std::min(next.head.zone_count, MAX_ZONES); ++i) {
        const ZoneView view{next.zones[i], next.modes, i};
        if (begins(view, same_zone(before, next.modes.zone_names[i]))) return true;
    }
    return false;
}

void carry_enforcement(policy_image& next, const Enforcement* before, BootTime now) {
    for (std::uint32_t i = 0; i < std::min(next.head.zone_count, MAX_ZONES); ++i) {
        const ZoneView view{next.zones[i], next.modes, i};
        const auto known = same_zone(before, next.modes.zone_names[i]);
        auto& since = next.zones[i].enforce_since_ns;
        if (!view.enforces_anything())
            since = 0;
        else
            since = begins(view, known) ? now.ns : known->rules.enforce_since_ns;
    }
}

}  // namespace portlid::kernel
