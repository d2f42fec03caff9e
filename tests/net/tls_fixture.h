// A certificate authority and a server certificate for tests of TLS.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "tests/net/server_fixture.h"
#include "tests/net/tls_client.h"

namespace penstock::net {

inline constexpr std::string_view kTlsGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

class HttpTls : public testing::Test {
 protected:
  [[nodiscard]] HttpServerOptions options() const {
    HttpServerOptions made;
    made.tls = {.cert_path = leaf_.cert_path, .key_path = leaf_.key_path};
    return made;
  }
  // Whether a client with these options gets an answer.
  [[nodiscard]] bool is_served(const TestServer& server, TlsClientOptions client_options) const {
    if (client_options.ca == nullptr) client_options.ca = &ca_;
    TlsClient client(server.port(), client_options);
    return client.shake_hands() && client.ask(kTlsGet).status == 200;
  }

  TestCertificates certificates_;
  Identity ca_ = certificates_.make_ca("ca");
  Identity leaf_ = certificates_.make_leaf("leaf", ca_);
};

}  // namespace penstock::net
