// A RawClient that speaks TLS, with its records in the test's hands.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/net/raw_client.h"
#include "tests/net/test_certificates.h"

struct ssl_ctx_st;
struct ssl_st;
struct bio_st;

namespace penstock::net {

struct TlsClientOptions {
  const Identity* ca = nullptr;        // that the server's certificate is checked against
  const Identity* identity = nullptr;  // shown when the server asks
  int version = 0;                     // the only one offered, such as TLS1_2_VERSION; 0 = any
  std::string alpn{};                  // the only protocol offered; empty = none
};

class TlsClient final : public RawClient {
 public:
  TlsClient(std::uint16_t port, const TlsClientOptions& options, Duration patience = kPatience);
  ~TlsClient() override;

  // True once the client's side is done; under TLS 1.3 the server may still refuse afterwards.
  // `first` leaves together with the last flight.
  bool shake_hands(std::string_view first = {});
  // What the handshake sends first.
  std::string make_hello();
  // Records that carry `bytes`, to be sent by send_raw().
  std::string encrypt(std::string_view bytes);
  bool send_raw(std::string_view records) { return RawClient::send(records); }
  bool send(std::string_view bytes) override { return send_raw(encrypt(bytes)); }
  bool read_more() override;

  // Ends the session: the alert, not the connection.
  bool close_session();
  // Whether the server has ended the session in good order.
  [[nodiscard]] bool got_close() const;
  // New keys for what this side sends, `count` times; perhaps asks the server for the same.
  bool update_keys(int count, bool asks_server);
  // True if the server takes part in a second handshake.
  bool renegotiate();

  [[nodiscard]] std::string version() const;
  [[nodiscard]] std::string alpn() const;
  [[nodiscard]] std::string server_name() const;  // CN of its certificate

 private:
  std::string take_output();

  std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  bio_st* input_;   // of ssl_: records from the server
  bio_st* output_;  // of ssl_: records for it
};

}  // namespace penstock::net
