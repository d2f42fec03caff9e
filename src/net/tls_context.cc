#include "net/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace penstock::net {
namespace {

// AEAD with forward secrecy; the suites of TLS 1.3 are all of that kind.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
// As on the wire: a length byte, then the name.
constexpr std::string_view kAlpnHttp11 = "\x08http/1.1";

std::string take_openssl_reason() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (code == 0) return "unknown reason";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : format("OpenSSL error {:#x}", code);
}

std::unexpected<Error> file_error(std::string_view what, const std::string& path,
                                  std::string_view reason) {
  return make_error(ErrorCode::kInvalid, "the {} '{}' cannot be used: {}", what, path, reason);
}

// A pipe would be waited for, without a limit.
Status check_is_file(std::string_view what, const std::string& path) {
  std::error_code ec;
  if (std::filesystem::is_regular_file(path, ec)) return {};
  return file_error(what, path, ec ? ec.message() : "it is not a file");
}

// OpenSSL would ask at the terminal, where nobody is.
int refuse_password(char*, int, int, void* was_asked) {
  if (was_asked != nullptr) *static_cast<bool*>(was_asked) = true;
  return -1;
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size,
                const unsigned char* offered, unsigned int offered_size, void*) {
  unsigned char* chosen = nullptr;
  const int rc = SSL_select_next_proto(&chosen, out_size,
                                       reinterpret_cast<const unsigned char*>(kAlpnHttp11.data()),
                                       kAlpnHttp11.size(), offered, offered_size);
  *out = chosen;
  return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::string time_text(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
  if (!bio || ASN1_TIME_print(bio.get(), time) != 1) return "an unknown time";
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Status load_certificate(SSL_CTX* context, const TlsFiles& files) {
  RETURN_IF_ERROR(check_is_file("TLS certificate", files.cert_path));
  if (SSL_CTX_use_certificate_chain_file(context, files.cert_path.c_str()) != 1) {
    return file_error("TLS certificate", files.cert_path, take_openssl_reason());
  }
  const X509* const certificate = SSL_CTX_get0_certificate(context);
  const ASN1_TIME* const end = X509_get0_notAfter(certificate);
  if (X509_cmp_current_time(end) < 0) {
    return file_error("TLS certificate", files.cert_path,
                      format("it expired on {}; put a current one there", time_text(end)));
  }
  return {};
}

Status load_key(SSL_CTX* context, const TlsFiles& files) {
  RETURN_IF_ERROR(check_is_file("TLS key", files.key_path));
  bool was_asked = false;
  SSL_CTX_set_default_passwd_cb_userdata(context, &was_asked);
  const bool is_usable =
      SSL_CTX_use_PrivateKey_file(context, files.key_path.c_str(), SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_check_private_key(context) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (is_usable) return {};
  const std::string reason = take_openssl_reason();
  return file_error("TLS key", files.key_path,
                    was_asked ? "it is encrypted; give one without a password" : reason);
}

Status load_client_ca(SSL_CTX* context, const std::string& path) {
  RETURN_IF_ERROR(check_is_file("TLS client CA", path));
  // The list tells clients which of their certificates to show.
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(path.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context, path.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return file_error("TLS client CA", path, take_openssl_reason());
  }
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

Status check_complete(const TlsFiles& files) {
  const auto missing = [](std::string_view what, std::string_view flag, std::string_view given) {
    return make_error(ErrorCode::kInvalid,
                      "TLS needs a {} too: {} is missing, although {} is given", what, flag, given);
  };
  const std::string_view given = !files.cert_path.empty()  ? "tls-cert-path"
                                 : !files.key_path.empty() ? "tls-key-path"
                                                           : "tls-client-ca-path";
  if (files.cert_path.empty()) return missing("certificate", "tls-cert-path", given);
  if (files.key_path.empty()) return missing("key", "tls-key-path", given);
  return {};
}

void apply_policy(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_cipher_list(context, kTls12Ciphers);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_default_passwd_cb(context, refuse_password);
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
  // A write that would block is repeated from a queue that may have moved; an idle session gives
  // its buffers (34 KiB) back; one system call reads a record and what follows it.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
}

void log_certificate(const SSL_CTX* context, const TlsFiles& files) {
  const X509* const certificate = SSL_CTX_get0_certificate(context);
  const ASN1_TIME* const begin = X509_get0_notBefore(certificate);
  log_info("TLS certificate '{}', valid until {}", files.cert_path,
           time_text(X509_get0_notAfter(certificate)));
  // Not refused: a clock may be a little slow.
  if (X509_cmp_current_time(begin) > 0) {
    log_warning("the TLS certificate '{}' is not valid before {}", files.cert_path,
                time_text(begin));
  }
}

Result<SslContextPtr> make_context(const TlsFiles& files) {
  RETURN_IF_ERROR(check_complete(files));
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw std::bad_alloc();
  apply_policy(context.get());
  RETURN_IF_ERROR(load_certificate(context.get(), files));
  RETURN_IF_ERROR(load_key(context.get(), files));
  if (!files.client_ca_path.empty()) {
    RETURN_IF_ERROR(load_client_ca(context.get(), files.client_ca_path));
  }
  return context;
}

}  // namespace

void SslFree::operator()(ssl_st* ssl) const noexcept {
  SSL_free(ssl);
}

void SslFree::operator()(ssl_ctx_st* context) const noexcept {
  SSL_CTX_free(context);
}

Status check_tls_files(const TlsFiles& files) {
  if (!files.is_wanted()) return {};
  ASSIGN_OR_RETURN(const SslContextPtr unused, make_context(files));
  return {};
}

TlsContext::TlsContext(TlsFiles files, SslContextPtr context)
    : files_(std::move(files)), current_(std::move(context)) {}

Result<std::unique_ptr<TlsContext>> TlsContext::load(TlsFiles files) {
  ASSIGN_OR_RETURN(SslContextPtr context, make_context(files));
  log_certificate(context.get(), files);
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(files), std::move(context)));
}

Status TlsContext::reload() {
  ASSIGN_OR_RETURN(SslContextPtr fresh, make_context(files_));
  log_certificate(fresh.get(), files_);
  const MutexLock lock(mutex_);
  current_.swap(fresh);
  return {};
}

SslPtr TlsContext::new_session() const {
  SslPtr session;
  {
    const MutexLock lock(mutex_);
    session.reset(SSL_new(current_.get()));
  }
  if (!session) throw std::bad_alloc();
  SSL_set_accept_state(session.get());
  return session;
}

}  // namespace penstock::net
