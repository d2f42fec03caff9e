#include "tests/net/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace penstock::net {

TlsClient::TlsClient(std::uint16_t port, const TlsClientOptions& options, Duration patience)
    : RawClient(port, patience),
      context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
      ssl_(nullptr, SSL_free),
      input_(BIO_new(BIO_s_mem())),
      output_(BIO_new(BIO_s_mem())) {
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_security_level(context, 0);  // to be free to offer what the server must refuse
  if (options.ca != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), options.ca->certificate.get());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (options.identity != nullptr) {
    SSL_CTX_use_certificate(context, options.identity->certificate.get());
    SSL_CTX_use_PrivateKey(context, options.identity->key.get());
  }
  if (options.version != 0) {
    SSL_CTX_set_min_proto_version(context, options.version);
    SSL_CTX_set_max_proto_version(context, options.version);
  }
  if (!options.alpn.empty()) {
    const std::string wire = static_cast<char>(options.alpn.size()) + options.alpn;
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned>(wire.size()));
  }
  BIO_set_mem_eof_return(input_, -1);
  ssl_.reset(SSL_new(context));
  SSL_set_bio(ssl_.get(), input_, output_);
  SSL_set_connect_state(ssl_.get());
}

TlsClient::~TlsClient() = default;

std::string TlsClient::take_output() {
  std::string records(BIO_ctrl_pending(output_), '\0');
  if (!records.empty()) BIO_read(output_, records.data(), static_cast<int>(records.size()));
  return records;
}

std::string TlsClient::make_hello() {
  SSL_do_handshake(ssl_.get());
  return take_output();
}

bool TlsClient::shake_hands(std::string_view first) {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    const int error = SSL_get_error(ssl_.get(), result);
    if (!send_raw(result == 1 ? take_output() + encrypt(first) : take_output())) return false;
    if (result == 1) return true;
    if (error != SSL_ERROR_WANT_READ) return false;
    std::array<char, 16384> buffer;
    const auto n = stream().read_some(buffer, SystemClock().now() + patience());
    if (!n || *n == 0) return false;
    BIO_write(input_, buffer.data(), static_cast<int>(*n));
  }
}

std::string TlsClient::encrypt(std::string_view bytes) {
  if (!bytes.empty()) SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  return take_output();
}

bool TlsClient::read_more() {
  for (;;) {
    std::array<char, 16384> buffer;
    ERR_clear_error();
    const int result = SSL_read(ssl_.get(), buffer.data(), buffer.size());
    if (result > 0) {
      unread().append(buffer.data(), static_cast<std::size_t>(result));
      return true;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (const std::string records = take_output(); !records.empty()) send_raw(records);
    if (error != SSL_ERROR_WANT_READ) {
      // The end of the connection is still to come.
      while (read_raw(buffer) > 0) {
      }
      return false;
    }
    const std::size_t n = read_raw(buffer);
    if (n == 0) return false;
    BIO_write(input_, buffer.data(), static_cast<int>(n));
  }
}

bool TlsClient::close_session() {
  SSL_shutdown(ssl_.get());
  return send_raw(take_output());
}

bool TlsClient::got_close() const {
  return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

bool TlsClient::update_keys(int count, bool asks_server) {
  for (int i = 0; i < count; ++i) {
    SSL_key_update(ssl_.get(),
                   asks_server ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(ssl_.get());
  }
  return send_raw(take_output());
}

bool TlsClient::renegotiate() {
  SSL_renegotiate(ssl_.get());
  return shake_hands();
}

std::string TlsClient::version() const {
  return SSL_get_version(ssl_.get());
}

std::string TlsClient::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsClient::server_name() const {
  std::array<char, 256> name{};
  const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                            name.size());
  return name.data();
}

}  // namespace penstock::net
