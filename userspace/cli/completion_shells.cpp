// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/completion.hpp"

namespace portlid::cli {

namespace {

std::string replaced(std::string_view text, char what, std::string_view by) {
    std::string out;
    for (const char c : text) {
        if (c == what)
            out += by;
        else
            out += c;
    }
    return out;
}

// Inside single quotes of bash and zsh.
std::string single_quoted(std::string_view text) {
    return "'" + replaced(text, '\'', "'\\''") + "'";
}

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : " ") + word;
    return all;
}

std::string all_words(const CompletionVerb& verb) {
    auto words = verb.verbs;
    words.insert(words.end(), verb.choices.begin(), verb.choices.end());
    for (const auto& flag : verb.flags)
        words.insert(words.end(), flag.names.begin(), flag.names.end());
    return joined(words);
}

// "path:word" alternatives of a case branch.
std::string pattern(const std::string& path, const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words)
        all += (all.empty() ? "" : "|") + single_quoted(path + ":" + word);
    return all;
}

// Every step from a verb to one below it.
std::string steps(const std::vector<CompletionVerb>& verbs) {
    std::string all;
    for (const auto& verb : verbs)
        if (!verb.verbs.empty()) all += (all.empty() ? "" : "|") + pattern(verb.path, verb.verbs);
    return all;
}

// One branch for each flag with a value; `words`, `files` and `nothing` are the shell's answers.
std::string value_branches(const std::vector<CompletionVerb>& verbs, const char* words,
                           const char* files) {
    std::string all;
    for (const auto& verb : verbs)
        for (const auto& flag : verb.flags) {
            if (!flag.takes_value) continue;
            const auto answer = !flag.choices.empty()
                                    ? fmt::format(fmt::runtime(words), joined(flag.choices))
                                : flag.is_path ? std::string(files)
                                               : std::string(":");
            all +=
                fmt::format("        {}) {}; return ;;\n", pattern(verb.path, flag.names), answer);
        }
    return all;
}

}  // namespace

std::string bash_completion(const std::vector<CompletionVerb>& verbs) {
    std::string out =
        "# portlid completion for bash; load it with: source <(portlid completion bash)\n"
        "_portlid() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    local verb='' word i\n"
        "    COMPREPLY=()\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        word=${COMP_WORDS[i]}\n"
        "        case \"$verb:$word\" in\n";
    out += "        " + steps(verbs) + ") verb=\"${verb:+$verb }$word\" ;;\n";
    out += "        esac\n    done\n    case \"$verb:$prev\" in\n";
    out += value_branches(verbs, "COMPREPLY=($(compgen -W '{}' -- \"$cur\"))",
                          "compopt -o default 2>/dev/null");
    out += "    esac\n    case \"$verb\" in\n";
    for (const auto& verb : verbs)
        out += fmt::format("        {}) COMPREPLY=($(compgen -W {} -- \"$cur\")) ;;\n",
                           single_quoted(verb.path), single_quoted(all_words(verb)));
    return out + "    esac\n}\ncomplete -o bashdefault -o default -F _portlid portlid\n";
}

std::string zsh_completion(const std::vector<CompletionVerb>& verbs) {
    std::string out =
        "#compdef portlid\n"
        "# portlid completion for zsh; save it as _portlid in a directory of $fpath\n"
        "_portlid() {\n"
        "    local verb='' word i prev=$words[CURRENT-1]\n"
        "    local -a below\n"
        "    for ((i = 2; i < CURRENT; i++)); do\n"
        "        word=$words[i]\n"
        "        case \"$verb:$word\" in\n";
    out += "        " + steps(verbs) + ") verb=\"${verb:+$verb }$word\" ;;\n";
    out += "        esac\n    done\n    case \"$verb:$prev\" in\n";
    out += value_branches(verbs, "compadd -- {}", "_files");
    out += "    esac\n    case \"$verb\" in\n";
    for (const auto& verb : verbs) {
        out += fmt::format("        {}) ", single_quoted(verb.path));
        std::string described;
        for (const auto& name : verb.verbs) {
            const auto path = verb.path.empty() ? name : verb.path + " " + name;
            for (const auto& one : verbs)
                if (one.path == path)
                    described += " " + single_quoted(name + ":" + replaced(one.help, ':', "\\:"));
        }
        if (!described.empty()) out += "below=(" + described + " ); _describe verb below; ";
        auto words = verb.choices;
        for (const auto& flag : verb.flags)
            words.insert(words.end(), flag.names.begin(), flag.names.end());
        out += fmt::format("compadd -- {}; ", joined(words));
        out += verb.verbs.empty() && verb.choices.empty() ? "_files ;;\n" : ";;\n";
    }
    return out +
           "    esac\n}\n"
           "if [ \"$funcstack[1]\" = _portlid ]; then _portlid \"$@\"; "
           "else compdef _portlid portlid; fi\n";
}

namespace {

std::string fish_quoted(std::string_view text) {
    return "'" + replaced(replaced(text, '\\', "\\\\"), '\'', "\\'") + "'";
}

std::string fish_flag(const std::string& condition, const CompletionFlag& flag) {
    std::string line = "complete -c portlid -n " + condition;
    for (const auto& name : flag.names)
        line += name.rfind("--", 0) == 0 ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (flag.takes_value) line += flag.is_path ? " -rF" : " -x";
    if (!flag.choices.empty()) line += " -a " + fish_quoted(joined(flag.choices));
    return line + " -d " + fish_quoted(flag.help) + "\n";
}

}  // namespace

std::string fish_completion(const std::vector<CompletionVerb>& verbs) {
    std::string out =
        "# portlid completion for fish; load it with: portlid completion fish | source\n"
        "function __portlid_verb\n"
        "    set -l verb ''\n"
        "    for word in (commandline -opc)[2..-1]\n"
        "        switch \"$verb:$word\"\n"
        "            case";
    for (const auto& verb : verbs)
        for (const auto& name : verb.verbs) out += " " + fish_quoted(verb.path + ":" + name);
    out +=
        "\n                set verb (string trim -- \"$verb $word\")\n"
        "        end\n    end\n    echo $verb\nend\n"
        "function __portlid_at\n"
        "    set -l verb (__portlid_verb)\n"
        "    test \"$verb\" = \"$argv\"\nend\n";
    for (const auto& verb : verbs) {
        const auto condition =
            fish_quoted(verb.path.empty() ? "__portlid_at" : "__portlid_at " + verb.path);
        for (const auto& name : verb.verbs) {
            const auto path = verb.path.empty() ? name : verb.path + " " + name;
            for (const auto& one : verbs)
                if (one.path == path)
                    out += fmt::format("complete -c portlid -f -n {} -a {} -d {}\n", condition,
                                       name, fish_quoted(one.help));
        }
        if (!verb.choices.empty())
            out += fmt::format("complete -c portlid -f -n {} -a {}\n", condition,
                               fish_quoted(joined(verb.choices)));
        for (const auto& flag : verb.flags) out += fish_flag(condition, flag);
    }
    return out;
}

}  // namespace portlid::cli
