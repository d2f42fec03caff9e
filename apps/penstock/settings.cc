#include "penstock/settings.h"

#include <toml++/toml.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <numeric>

#include "base/check.h"
#include "base/format.h"
#include "text/json.h"

namespace penstock::apps {
namespace {

std::string environment_name(std::string_view flag) {
  std::string name = "PENSTOCK_";
  for (const char c : flag) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

// Levenshtein distance, for "did you mean".
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

template <class T>
std::string shown(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return toml_string(value);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    std::string out = "[";
    for (const std::string& item : value) out += (out.size() > 1 ? ", " : "") + toml_string(item);
    return out + "]";
  } else {
    return format("{}", value);
  }
}

constexpr std::string_view kMask = "***";

bool is_secret(std::string_view flag) {
  return flag.ends_with("-secret") || flag.ends_with("-token") || flag.ends_with("-password");
}

// "etcd://user:***@host" for "etcd://user:password@host".
std::string mask_password(const std::string& value) {
  const std::size_t scheme = value.find("://");
  if (scheme == std::string::npos) return value;
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(value.find_first_of("/?#", begin), value.size());
  const std::size_t at = value.rfind('@', end);
  const std::size_t colon = value.find(':', begin);
  if (at == std::string::npos || at < begin || colon > at) return value;
  return value.substr(0, colon + 1).append(kMask).append(value.substr(at));
}

text::Json to_json(const std::string& value) {
  return text::Json(mask_password(value));
}
text::Json to_json(const std::vector<std::string>& values) {
  text::Json::Array array;
  for (const std::string& value : values) array.push_back(to_json(value));
  return text::Json(std::move(array));
}
template <class T>
text::Json to_json(const std::optional<T>& value) {
  return value ? text::Json(*value) : text::Json();
}
template <class T>
  requires std::is_arithmetic_v<T>
text::Json to_json(T value) {
  return text::Json(value);
}

}  // namespace

struct Settings::Impl {
  struct Setting {
    std::string flag;
    SettingTarget target;
    CLI::Option* option = nullptr;
    std::string origin = "default";

    // Empty for an optional that is unset.
    [[nodiscard]] std::string value_text() const {
      return std::visit(
          [](const auto* value) -> std::string {
            if constexpr (requires { value->has_value(); }) {
              return value->has_value() ? shown(**value) : std::string();
            } else {
              return shown(*value);
            }
          },
          target);
    }
  };

  explicit Impl(std::string command, std::string description)
      : app(std::move(description), std::move(command)) {
    app.set_help_flag("-h,--help", "Show this text");
    app.add_option("--config", config_path, "Read settings from this TOML file");
    app.add_flag("--print-config", prints_config,
                 "Print every setting, its value and where it came from, and exit");
    app.allow_extras();
    app.get_formatter()->column_width(44);
  }

  Setting& add(const std::string& flag, SettingTarget target, std::string help) {
    std::vector<std::string> names;
    for (std::size_t from = 0; from <= flag.size();) {
      const std::size_t comma = std::min(flag.find(',', from), flag.size());
      names.push_back(flag.substr(from, comma - from));
      from = comma + 1;
    }
    std::string spelled;
    for (const std::string& name : names) {
      spelled += (spelled.empty() ? "--" : ",--") + name;
      known.push_back(name);
    }
    Setting& setting = *settings.emplace_back(std::make_unique<Setting>());
    setting.flag = names.front();
    setting.target = target;
    setting.option = std::visit(
        [&](auto* value) -> CLI::Option* {
          if constexpr (std::is_same_v<decltype(value), bool*>) {
            return app.add_flag(spelled + ",!--no-" + names.front(), *value, help);
          } else {
            return app.add_option(spelled, *value, help);
          }
        },
        target);
    setting.option->group(section);
    const std::string text = setting.value_text();
    if (!text.empty() && text != "\"\"" && text != "[]") setting.option->default_str(text);
    return setting;
  }

  [[nodiscard]] std::string nearest(std::string_view name) const {
    const auto best = std::ranges::min_element(
        known, {}, [&](const std::string& candidate) { return edit_distance(name, candidate); });
    return best == known.end() ? std::string() : *best;
  }

  // A value from the environment or the file, through the same conversion as a flag's.
  static Status give(Setting& setting, const std::vector<std::string>& values,
                     const std::string& origin) {
    try {
      for (const std::string& value : values) setting.option->add_result(value);
      setting.option->run_callback();
    } catch (const CLI::Error& error) {
      return make_error(ErrorCode::kInvalid, "{}: {}", origin, error.what());
    }
    setting.origin = origin;
    return {};
  }

  Status apply_environment() {
    for (const auto& setting : settings) {
      const std::string name = environment_name(setting->flag);
      const char* value = std::getenv(name.c_str());
      if (setting->option->count() == 0 && value != nullptr) {
        RETURN_IF_ERROR(give(*setting, {value}, "environment " + name));
      }
    }
    return {};
  }

  Status apply_file() {
    if (config_path.empty()) return {};
    toml::table table;
    try {
      table = toml::parse_file(config_path);
    } catch (const toml::parse_error& error) {
      return make_error(ErrorCode::kInvalid, "--config {}: line {}: {}", config_path,
                        error.source().begin.line, std::string(error.description()));
    }
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const auto it = std::ranges::find_if(
          settings, [&](const auto& setting) { return setting->flag == name; });
      if (it == settings.end()) {
        return make_error(ErrorCode::kInvalid, "--config {}: '{}' is unknown; did you mean '{}'?",
                          config_path, name, nearest(name));
      }
      if ((*it)->option->count() > 0) continue;
      ASSIGN_OR_RETURN(const std::vector<std::string> values, values_of(name, node));
      if (values.empty()) continue;  // an empty list is what every list is by default
      RETURN_IF_ERROR(give(**it, values, "file " + config_path));
    }
    return {};
  }

  [[nodiscard]] Result<std::vector<std::string>> values_of(const std::string& name,
                                                           const toml::node& node) const {
    std::vector<std::string> values;
    const auto add_one = [&](const toml::node& item) {
      if (const auto text = item.value_exact<std::string>()) {
        values.push_back(*text);
      } else if (const auto flag = item.value_exact<bool>()) {
        values.emplace_back(*flag ? "true" : "false");
      } else if (const auto integer = item.value_exact<std::int64_t>()) {
        values.push_back(format("{}", *integer));
      } else if (const auto number = item.value_exact<double>()) {
        values.push_back(format("{}", *number));
      } else {
        return false;
      }
      return true;
    };
    bool good = true;
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& item : *array) good = good && add_one(item);
    } else {
      good = add_one(node);
    }
    if (good) return values;
    return make_error(ErrorCode::kInvalid,
                      "--config {}: '{}' must be a string, number, boolean or a list of these",
                      config_path, name);
  }

  CLI::App app;
  std::string section = "Options";
  std::string config_path;
  bool prints_config = false;
  std::vector<std::unique_ptr<Setting>> settings;
  std::vector<std::string> known = {"config", "print-config", "help"};
};

Settings::Settings(std::string command, std::string description)
    : impl_(std::make_unique<Impl>(std::move(command), std::move(description))) {}
Settings::~Settings() = default;
Settings::Settings(Settings&&) noexcept = default;

void Settings::section(std::string title) {
  impl_->section = std::move(title);
}

void Settings::add(const std::string& flag, SettingTarget target, std::string help) {
  impl_->add(flag, target, std::move(help));
}

void Settings::add(const std::string& flag, SettingTarget target, SettingRange range,
                   std::string help) {
  // "65536", not CLI11's "6.5536e+04".
  const auto shown = [](double value) { return format("{:.10g}", value); };
  impl_->add(flag, target, std::move(help))
      .option->check(CLI::Range(range.min, range.max)
                         .description(format("{} ... {}", shown(range.min), shown(range.max))));
}

void Settings::add(const std::string& flag, std::string* target,
                   const std::vector<std::string>& words, std::string help) {
  impl_->add(flag, target, std::move(help)).option->check(CLI::IsMember(words));
}

Result<Settings::Outcome> Settings::parse(const std::vector<std::string>& arguments) {
  // CLI11 takes them last first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    impl_->app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return Outcome::kHelp;
  } catch (const CLI::Error& error) {
    return make_error(ErrorCode::kInvalid, "{}", error.what());
  }
  if (const std::vector<std::string> extras = impl_->app.remaining(); !extras.empty()) {
    const std::string& unknown = extras.front();
    if (!unknown.starts_with("-")) {
      return make_error(ErrorCode::kInvalid, "'{}' is no flag; flags begin with --", unknown);
    }
    const std::string name = unknown.substr(unknown.find_first_not_of('-') == std::string::npos
                                                ? unknown.size()
                                                : unknown.find_first_not_of('-'));
    return make_error(ErrorCode::kInvalid, "{} is unknown; did you mean --{}?", unknown,
                      impl_->nearest(name.substr(0, name.find('='))));
  }
  for (const auto& setting : impl_->settings) {
    if (setting->option->count() > 0) setting->origin = "flag";
  }
  RETURN_IF_ERROR(impl_->apply_environment());
  RETURN_IF_ERROR(impl_->apply_file());
  return impl_->prints_config ? Outcome::kPrintConfig : Outcome::kRun;
}

std::string Settings::help() const {
  return impl_->app.help();
}

std::string Settings::config_text() const {
  std::string out;
  for (const auto& setting : impl_->settings) {
    const std::string value = setting->value_text();
    if (value.empty()) {
      out += format("# {} is unset  # {}\n", setting->flag, setting->origin);
    } else {
      out += format("{} = {}  # {}\n", setting->flag, value, setting->origin);
    }
  }
  return out;
}

std::string Settings::config_json() const {
  text::Json::Object settings;
  for (const auto& setting : impl_->settings) {
    const bool masks = is_secret(setting->flag) && !setting->value_text().empty();
    text::Json value =
        masks ? text::Json(kMask)
              : std::visit([](const auto* target) { return to_json(*target); }, setting->target);
    settings.set(setting->flag,
                 text::Json(text::Json::Object{{"value", std::move(value)},
                                               {"origin", text::Json(setting->origin)}}));
  }
  return text::to_json(text::Json(text::Json::Object{{"settings", text::Json(settings)}}));
}

}  // namespace penstock::apps
