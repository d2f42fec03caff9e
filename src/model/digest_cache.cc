// The per-user cache of model digests: one small file per state of a model's files.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/hash.h"
#include "base/log.h"
#include "model/model_digest.h"

namespace penstock::model {
namespace {

namespace fs = std::filesystem;

// What an entry is kept under, and also its first part, so that a find compares all of it.
std::string key_text(std::span<const FileStamp> files) {
  std::string text = "penstock model 1\n";
  for (const FileStamp& file : files) {
    text += format("{} {} {}\n", file.size_bytes, file.modified_ns, file.path);
  }
  return text;
}

fs::path entry_path(const fs::path& directory, std::string_view key) {
  const Sha256Digest digest = sha256(key);
  return directory / (to_hex(std::span(digest).first(16)) + ".digest");
}

bool is_digest(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  return text.size() == kPrefix.size() + 64 && text.starts_with(kPrefix) &&
         text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

bool write_new_file(const fs::path& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return ::close(fd) == 0 && written;
}

}  // namespace

std::optional<FileStamp> stamp_mapped(const fs::path& path, const formats::MappedFile& file) {
  std::error_code failed;
  const fs::path resolved = fs::canonical(path, failed);
  if (failed) return std::nullopt;
  return FileStamp{.path = resolved.string(),
                   .size_bytes = file.bytes().size(),
                   .modified_ns = file.modified_ns()};
}

std::optional<FileStamp> stamp_now(const fs::path& path) {
  const Result<formats::MappedFile> file = formats::MappedFile::open(path);
  return file ? stamp_mapped(path, *file) : std::nullopt;
}

DigestCache DigestCache::of_user() {
  // The base directory specification: a relative path there is to be ignored.
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && fs::path(cache).is_absolute()) {
    return DigestCache(fs::path(cache) / "penstock" / "models");
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || !fs::path(home).is_absolute()) return DigestCache(fs::path());
  return DigestCache(fs::path(home) / ".cache" / "penstock" / "models");
}

std::optional<std::string> DigestCache::find(std::span<const FileStamp> files) const {
  if (directory_.empty()) return std::nullopt;
  const std::string key = key_text(files);
  std::ifstream in(entry_path(directory_, key), std::ios::binary);
  std::string text(key.size() + 128, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (!text.starts_with(key) || !text.ends_with('\n')) return std::nullopt;
  const std::string digest = text.substr(key.size(), text.size() - key.size() - 1);
  return is_digest(digest) ? std::optional(digest) : std::nullopt;
}

void DigestCache::store(std::span<const FileStamp> files, std::string_view digest) const {
  if (directory_.empty()) return;
  std::error_code failed;
  fs::create_directories(directory_, failed);
  const std::string key = key_text(files);
  const fs::path target = entry_path(directory_, key);
  const fs::path fresh = target.string() + format(".{}", ::getpid());
  if (!write_new_file(fresh, format("{}{}\n", key, digest))) {
    log_debug("cannot write {}: the model digest is not cached", fresh.string());
  } else {
    fs::rename(fresh, target, failed);
  }
  fs::remove(fresh, failed);
}

}  // namespace penstock::model
