#include "penstock/api_keys_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <optional>
#include <system_error>

namespace penstock::apps {
namespace {

using frontend::AccessConfig;
using frontend::KeyEntry;
using frontend::TenantPolicy;

constexpr std::size_t kMaxFileBytes = 16UL << 20;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::int64_t kMaxInt32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMaxRequests = 1'000'000'000;
constexpr std::int64_t kMaxTokens = 1'000'000'000'000;
constexpr std::int64_t kMaxDeadlineMs = 86'400'000;  // a day
constexpr double kMinWeight = 0.001;
constexpr double kMaxWeight = 1000;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  });
}

std::optional<std::byte> hex_byte(char high, char low) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (digit(high) < 0 || digit(low) < 0) return std::nullopt;
  return static_cast<std::byte>(digit(high) * 16 + digit(low));
}

std::optional<Sha256Digest> parse_digest(std::string_view hex) {
  Sha256Digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto byte = hex_byte(hex[2 * i], hex[2 * i + 1]);
    if (!byte) return std::nullopt;
    digest[i] = *byte;
  }
  return digest;
}

// One table of the file: reads members by name and says where one is wrong.
class Table final {
 public:
  // `name`: "[[tenant]] 'acme'", empty for the top level.
  Table(const toml::table& table, const std::string& path, std::string name)
      : table_(table), path_(path), name_(std::move(name)) {}

  void set_name(std::string name) { name_ = std::move(name); }

  template <class... Args>
  [[nodiscard]] std::unexpected<Error> error(std::string_view member, format_string<Args...> text,
                                             Args&&... args) const {
    const toml::node* node = table_.get(member);
    const auto line = (node == nullptr ? table_.source() : node->source()).begin.line;
    return make_error(ErrorCode::kInvalid, "{}: line {}: {}{}{}", path_, line, name_,
                      name_.empty() ? "" : ": ", format(text, std::forward<Args>(args)...));
  }

  [[nodiscard]] Status check_members(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, node] : table_) {
      if (std::ranges::find(known, key.str()) != known.end()) continue;
      std::string names;
      for (const std::string_view name : known) {
        names += names.empty() ? "" : ", ";
        names += name;
      }
      return error(key.str(), "'{}' is unknown; the members are {}", shown(key.str()), names);
    }
    return {};
  }

  [[nodiscard]] Result<std::optional<std::string>> text(std::string_view member) const {
    const toml::node* node = table_.get(member);
    if (node == nullptr) return std::optional<std::string>();
    if (auto value = node->value_exact<std::string>()) return value;
    return error(member, "{} is {}; it must be a string in quotes", member, type_of(*node));
  }

  // A string that names something: required, of plain characters.
  [[nodiscard]] Result<std::string> name(std::string_view member) const {
    ASSIGN_OR_RETURN(const auto value, text(member));
    if (!value) return error(member, "{} is missing; every entry needs one", member);
    if (is_name(*value)) return *value;
    return error(member,
                 "{} is '{}'; it must have 1 to {} characters of A-Z, a-z, 0-9, '.', '_', ':', '-'",
                 member, shown(*value), kMaxNameBytes);
  }

  [[nodiscard]] Result<bool> boolean(std::string_view member, bool fallback) const {
    const toml::node* node = table_.get(member);
    if (node == nullptr) return fallback;
    if (const auto value = node->value_exact<bool>()) return *value;
    return error(member, "{} is {}; it must be true or false", member, type_of(*node));
  }

  [[nodiscard]] Result<std::optional<std::int64_t>> integer(std::string_view member,
                                                            std::int64_t min,
                                                            std::int64_t max) const {
    const toml::node* node = table_.get(member);
    if (node == nullptr) return std::optional<std::int64_t>();
    const auto value = node->value_exact<std::int64_t>();
    if (!value) {
      return error(member, "{} is {}; it must be an integer between {} and {}", member,
                   type_of(*node), min, max);
    }
    if (*value >= min && *value <= max) return value;
    return error(member, "{} is {}; it must be between {} and {}, or be left out", member, *value,
                 min, max);
  }

  [[nodiscard]] Result<double> weight(double fallback) const {
    const toml::node* node = table_.get("weight");
    if (node == nullptr) return fallback;
    if (!node->is_number()) {
      return error("weight", "weight is {}; it must be a number between {} and {}", type_of(*node),
                   kMinWeight, kMaxWeight);
    }
    const double value = node->value<double>().value_or(0);
    if (value >= kMinWeight && value <= kMaxWeight) return value;
    return error("weight", "weight is {}; it must be between {} and {}", value, kMinWeight,
                 kMaxWeight);
  }

  [[nodiscard]] Result<std::vector<std::string>> globs() const {
    const toml::node* node = table_.get("models");
    if (node == nullptr) return std::vector<std::string>{"*"};
    std::vector<std::string> globs;
    const toml::array* const array = node->as_array();
    const bool is_good =
        array != nullptr && std::ranges::all_of(*array, [&globs](const toml::node& item) {
          const auto glob = item.value_exact<std::string>();
          if (glob) globs.push_back(*glob);
          return glob && !glob->empty();
        });
    if (is_good && !globs.empty()) return globs;
    return error("models", "models must be a list of one or more globs, as in [\"llama-*\"]");
  }

  [[nodiscard]] Result<std::optional<std::int64_t>> moment(std::string_view member) const {
    const toml::node* node = table_.get(member);
    if (node == nullptr) return std::optional<std::int64_t>();
    if (const auto date = node->value_exact<toml::date>()) {
      return std::optional(unix_s({*date, {}, toml::time_offset{}}));
    }
    const auto time = node->value_exact<toml::date_time>();
    if (time && time->offset) return std::optional(unix_s(*time));
    return error(member,
                 "{} must be a moment without quotes and with its offset, as in "
                 "2027-01-31T00:00:00Z, or a day, which begins in UTC",
                 member);
  }

 private:
  [[nodiscard]] static std::int64_t unix_s(const toml::date_time& t) {
    using namespace std::chrono;
    const sys_days day = year(t.date.year) / month(t.date.month) / std::chrono::day(t.date.day);
    const seconds time = hours(t.time.hour) + minutes(t.time.minute) + seconds(t.time.second) -
                         minutes(t.offset->minutes);
    return (day.time_since_epoch() + time).count();
  }

  // Of the file's text, for a message: short, and without control bytes.
  [[nodiscard]] static std::string shown(std::string_view text) {
    std::string out(text.substr(0, kMaxNameBytes));
    std::ranges::replace_if(
        out, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; }, '?');
    return out;
  }

  [[nodiscard]] static std::string_view type_of(const toml::node& node) {
    switch (node.type()) {
      case toml::node_type::table:
        return "a table";
      case toml::node_type::array:
        return "a list";
      case toml::node_type::string:
        return "a string";
      case toml::node_type::integer:
        return "an integer";
      case toml::node_type::floating_point:
        return "a number with a fraction";
      case toml::node_type::boolean:
        return "a boolean";
      default:
        return "a date or time";
    }
  }

  const toml::table& table_;
  const std::string& path_;
  std::string name_;
};

class FileReader final {
 public:
  FileReader(const toml::table& root, const std::string& path) : root_(root), path_(path) {}

  Result<AccessConfig> read() {
    const Table top(root_, path_, "");
    RETURN_IF_ERROR(top.check_members({"salt_key", "key", "tenant"}));
    ASSIGN_OR_RETURN(auto salt_key, top.text("salt_key"));
    config_.salt_key = std::move(salt_key).value_or("");
    RETURN_IF_ERROR(each(top, "tenant", &FileReader::read_tenant));
    RETURN_IF_ERROR(each(top, "key", &FileReader::read_key));
    if (config_.keys.empty()) {
      return top.error("key",
                       "the file has no [[key]], so nobody could ask; add one, or leave "
                       "--api-keys-file out");
    }
    return std::move(config_);
  }

 private:
  using ReadEntry = Status (FileReader::*)(Table);

  Status each(const Table& top, const char* member, ReadEntry read_entry) {
    const toml::node* node = root_.get(member);
    if (node == nullptr) return {};
    const toml::array* const entries = node->as_array();
    for (std::size_t i = 0; entries != nullptr && i < entries->size(); ++i) {
      const toml::table* const entry = entries->get(i)->as_table();
      if (entry == nullptr) return top.error(member, "write every entry as [[{}]]", member);
      RETURN_IF_ERROR((this->*read_entry)(Table(*entry, path_, format("[[{}]]", member))));
    }
    if (entries != nullptr) return {};
    return top.error(member, "write every entry as [[{}]], with two brackets", member);
  }

  Status read_tenant(Table entry) {
    RETURN_IF_ERROR(
        entry.check_members({"name", "share_cache", "weight", "models", "max_concurrent",
                             "requests_per_minute", "tokens_per_minute", "max_priority",
                             "max_strict_priority", "allow_routing", "max_deadline_ms"}));
    TenantPolicy tenant;
    ASSIGN_OR_RETURN(tenant.name, entry.name("name"));
    entry.set_name(format("[[tenant]] '{}'", tenant.name));
    if (std::ranges::find(config_.tenants, tenant.name, &TenantPolicy::name) !=
        config_.tenants.end()) {
      return entry.error("name", "the name is taken by an entry above; join the two");
    }
    ASSIGN_OR_RETURN(tenant.share_cache, entry.boolean("share_cache", false));
    if (!tenant.share_cache && config_.salt_key.empty()) {
      return entry.error("share_cache",
                         "a tenant with a cache of its own needs the top-level salt_key; add "
                         "salt_key = \"...\" with what `openssl rand -hex 32` prints, or set "
                         "share_cache = true");
    }
    ASSIGN_OR_RETURN(tenant.weight, entry.weight(1.0));
    ASSIGN_OR_RETURN(tenant.models, entry.globs());
    RETURN_IF_ERROR(read_limits(entry, tenant));
    ASSIGN_OR_RETURN(const auto priority, entry.integer("max_priority", -kMaxInt32, kMaxInt32));
    ASSIGN_OR_RETURN(const auto strict, entry.integer("max_strict_priority", 0, kMaxInt32));
    tenant.max_priority = static_cast<std::int32_t>(priority.value_or(0));
    tenant.max_strict_priority = static_cast<std::uint32_t>(strict.value_or(0));
    ASSIGN_OR_RETURN(tenant.allow_routing, entry.boolean("allow_routing", false));
    config_.tenants.push_back(std::move(tenant));
    return {};
  }

  static Status read_limits(const Table& entry, TenantPolicy& tenant) {
    ASSIGN_OR_RETURN(const auto concurrent, entry.integer("max_concurrent", 1, kMaxInt32));
    ASSIGN_OR_RETURN(const auto requests, entry.integer("requests_per_minute", 1, kMaxRequests));
    ASSIGN_OR_RETURN(const auto tokens, entry.integer("tokens_per_minute", 1, kMaxTokens));
    ASSIGN_OR_RETURN(const auto deadline_ms, entry.integer("max_deadline_ms", 1, kMaxDeadlineMs));
    if (concurrent) tenant.limits.max_concurrent = static_cast<std::uint32_t>(*concurrent);
    if (requests) tenant.limits.requests_per_minute = static_cast<std::uint64_t>(*requests);
    if (tokens) tenant.limits.tokens_per_minute = static_cast<std::uint64_t>(*tokens);
    if (deadline_ms) tenant.max_deadline = std::chrono::milliseconds(*deadline_ms);
    return {};
  }

  Status read_key(Table entry) {
    RETURN_IF_ERROR(entry.check_members({"id", "sha256", "tenant", "expires"}));
    KeyEntry key;
    ASSIGN_OR_RETURN(key.id, entry.name("id"));
    entry.set_name(format("[[key]] '{}'", key.id));
    if (std::ranges::find(config_.keys, key.id, &KeyEntry::id) != config_.keys.end()) {
      return entry.error("id", "the id is taken by an entry above; choose another");
    }
    ASSIGN_OR_RETURN(const auto hex, entry.text("sha256"));
    const auto digest = parse_digest(hex.value_or(""));
    if (!digest) {
      return entry.error("sha256",
                         "sha256 has {} characters that are no digest; it must be the 64 hex "
                         "digits that `printf %s KEY | sha256sum` prints",
                         hex.value_or("").size());
    }
    key.digest = *digest;
    if (std::ranges::find(config_.keys, key.digest, &KeyEntry::digest) != config_.keys.end()) {
      return entry.error("sha256", "an entry above has the same key; make a new one");
    }
    ASSIGN_OR_RETURN(key.tenant, entry.name("tenant"));
    if (std::ranges::find(config_.tenants, key.tenant, &TenantPolicy::name) ==
        config_.tenants.end()) {
      return entry.error("tenant", "there is no [[tenant]] with the name '{}'; add one",
                         key.tenant);
    }
    ASSIGN_OR_RETURN(key.expires_unix_s, entry.moment("expires"));
    config_.keys.push_back(std::move(key));
    return {};
  }

  const toml::table& root_;
  const std::string& path_;
  AccessConfig config_;
};

}  // namespace

Result<AccessConfig> parse_api_keys(std::string_view text, const std::string& path) {
  try {
    const toml::table root = toml::parse(text);
    return FileReader(root, path).read();
  } catch (const toml::parse_error& error) {
    return make_error(ErrorCode::kInvalid,
                      "{}: line {}, column {}: this is not TOML; see "
                      "https://toml.io for how to write it",
                      path, error.source().begin.line, error.source().begin.column);
  }
}

Result<AccessConfig> read_api_keys_file(const std::string& path) {
  std::error_code failed;
  const bool is_file = std::filesystem::is_regular_file(path, failed);
  const std::uintmax_t size = is_file ? std::filesystem::file_size(path, failed) : 0;
  std::ifstream file(path, std::ios::binary);
  if (!is_file || failed || !file || size > kMaxFileBytes) {
    return make_error(ErrorCode::kNotFound,
                      "--api-keys-file {}: the file cannot be read; it must exist, be readable to "
                      "this process and have at most {} bytes",
                      path, kMaxFileBytes);
  }
  const std::string text(std::istreambuf_iterator<char>(file), {});
  auto config = parse_api_keys(text, path);
  if (!config) return std::unexpected(std::move(config).error().with_context("--api-keys-file"));
  return config;
}

}  // namespace penstock::apps
