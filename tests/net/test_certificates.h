// Certificates for one test, made by the library: no file of them is kept in the repository.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;

namespace penstock::net {

struct PkiFree {
  void operator()(evp_pkey_st* key) const noexcept;
  void operator()(x509_st* certificate) const noexcept;
};

// A certificate with its key (P-256), as PEM files in a folder of the test's own.
struct Identity {
  std::unique_ptr<evp_pkey_st, PkiFree> key{};
  std::unique_ptr<x509_st, PkiFree> certificate{};
  std::string cert_path{};
  std::string key_path{};
};

class TestCertificates final {
 public:
  TestCertificates();
  ~TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  [[nodiscard]] Identity make_ca(const std::string& name) const;
  // For 127.0.0.1 and localhost, signed by `ca`; valid from an hour ago until `valid_for` from now.
  [[nodiscard]] Identity make_leaf(const std::string& name, const Identity& ca,
                                   std::chrono::seconds valid_for = std::chrono::hours(1)) const;
  // A file with these bytes.
  [[nodiscard]] std::string make_file(const std::string& name, const std::string& bytes) const;
  // The key once more, encrypted with a password.
  [[nodiscard]] std::string make_encrypted_key(const Identity& identity) const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

}  // namespace penstock::net
