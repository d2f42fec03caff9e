#include "tests/net/test_certificates.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <fstream>

namespace penstock::net {
namespace {

using BioPtr = std::unique_ptr<BIO, int (*)(BIO*)>;

BioPtr open_for_writing(const std::string& path) {
  return {BIO_new_file(path.c_str(), "w"), BIO_free};
}

void add_extension(X509* certificate, const X509* issuer, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, const_cast<X509*>(issuer), certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
  EXPECT_NE(extension, nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by itself where there is no `ca`.
Identity make(const std::filesystem::path& folder, const std::string& name, const Identity* ca,
              std::chrono::seconds valid_for) {
  static long serial = 1;
  Identity made;
  made.key.reset(EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_for.count());
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  const X509* const issuer = ca != nullptr ? ca->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  add_extension(certificate, issuer, NID_basic_constraints,
                ca != nullptr ? "critical,CA:FALSE" : "critical,CA:TRUE");
  if (ca != nullptr) {
    add_extension(certificate, issuer, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  }
  X509_sign(certificate, ca != nullptr ? ca->key.get() : made.key.get(), EVP_sha256());

  made.cert_path = folder / (name + ".crt");
  made.key_path = folder / (name + ".key");
  EXPECT_EQ(PEM_write_bio_X509(open_for_writing(made.cert_path).get(), certificate), 1);
  EXPECT_EQ(PEM_write_bio_PrivateKey(open_for_writing(made.key_path).get(), made.key.get(), nullptr,
                                     nullptr, 0, nullptr, nullptr),
            1);
  return made;
}

}  // namespace

void PkiFree::operator()(evp_pkey_st* key) const noexcept {
  EVP_PKEY_free(key);
}

void PkiFree::operator()(x509_st* certificate) const noexcept {
  X509_free(certificate);
}

TestCertificates::TestCertificates() {
  std::string name = std::filesystem::temp_directory_path() / "penstock-tls-XXXXXX";
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  folder_ = name;
}

TestCertificates::~TestCertificates() {
  std::error_code ec;
  std::filesystem::remove_all(folder_, ec);
}

Identity TestCertificates::make_ca(const std::string& name) const {
  return make(folder_, name, nullptr, std::chrono::hours(1));
}

Identity TestCertificates::make_leaf(const std::string& name, const Identity& ca,
                                     std::chrono::seconds valid_for) const {
  return make(folder_, name, &ca, valid_for);
}

std::string TestCertificates::make_file(const std::string& name, const std::string& bytes) const {
  const std::filesystem::path path = folder_ / name;
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::string TestCertificates::make_encrypted_key(const Identity& identity) const {
  const std::string path = folder_ / "encrypted.key";
  EXPECT_EQ(
      PEM_write_bio_PrivateKey(open_for_writing(path).get(), identity.key.get(), EVP_aes_128_cbc(),
                               nullptr, 0, nullptr, const_cast<char*>("secret")),
      1);
  return path;
}

}  // namespace penstock::net
