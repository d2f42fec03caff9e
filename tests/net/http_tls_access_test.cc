// Whom a TLS server lets in, and which files it takes.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "net/tls_context.h"
#include "tests/net/tls_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::seconds;

TEST_F(HttpTls, answers_over_tls_1_2_and_1_3_and_nothing_older) {
  TestServer server(echo, options());
  for (const auto& [version, name] :
       {std::pair{TLS1_2_VERSION, "TLSv1.2"}, {TLS1_3_VERSION, "TLSv1.3"}}) {
    TlsClient client(server.port(), {.ca = &ca_, .version = version});
    ASSERT_TRUE(client.shake_hands()) << name;
    EXPECT_EQ(client.version(), name);
    EXPECT_EQ(client.server_name(), "leaf");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask(kTlsGet).body, "GET /a? ");
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    EXPECT_FALSE(is_served(server, {.version = version}));
  }
}

TEST_F(HttpTls, chooses_http_1_1_and_refuses_clients_that_speak_only_something_else) {
  TestServer server(echo, options());
  TlsClient client(server.port(), {.ca = &ca_, .alpn = "http/1.1"});
  ASSERT_TRUE(client.shake_hands());
  EXPECT_EQ(client.alpn(), "http/1.1");
  EXPECT_EQ(client.ask(kTlsGet).status, 200);
  EXPECT_FALSE(is_served(server, {.alpn = "h2"}));
}

TEST_F(HttpTls, lets_in_only_whom_the_client_ca_has_signed) {
  const Identity client_ca = certificates_.make_ca("client-ca");
  const Identity friendly = certificates_.make_leaf("friend", client_ca);
  const Identity stranger = certificates_.make_leaf("stranger", ca_);
  const Identity late = certificates_.make_leaf("late", client_ca, seconds(-60));
  HttpServerOptions with_ca = options();
  with_ca.tls.client_ca_path = client_ca.cert_path;
  std::atomic<int> num_handled = 0;
  TestServer server(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        ++num_handled;
        echo(exchange);
      },
      std::move(with_ca));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_TRUE(is_served(server, {.identity = &friendly, .version = version}));
    EXPECT_FALSE(is_served(server, {.version = version}));
    EXPECT_FALSE(is_served(server, {.identity = &stranger, .version = version}));
    EXPECT_FALSE(is_served(server, {.identity = &late, .version = version}));
  }
  EXPECT_EQ(num_handled, 2);
  EXPECT_TRUE(server.becomes_idle());
}

TEST_F(HttpTls, refuses_files_it_cannot_use_and_says_which_and_why) {
  const Identity other = certificates_.make_leaf("other", ca_);
  const Identity expired = certificates_.make_leaf("expired", ca_, seconds(-60));
  const std::string garbage = certificates_.make_file("garbage", "no PEM at all\n");
  const std::string absent = certificates_.folder() / "absent";
  const std::string encrypted = certificates_.make_encrypted_key(leaf_);
  const std::string folder = certificates_.folder();
  struct Case {
    TlsFiles files;
    std::vector<std::string> words;  // that the message holds
  };
  const std::string& cert = leaf_.cert_path;
  const std::string& key = leaf_.key_path;
  const std::vector<Case> cases = {
      {{.cert_path = cert}, {"tls-key-path is missing", "tls-cert-path is given"}},
      {{.key_path = key}, {"tls-cert-path is missing", "tls-key-path is given"}},
      {{.client_ca_path = cert}, {"tls-cert-path is missing", "tls-client-ca-path is given"}},
      {{.cert_path = absent, .key_path = key}, {"certificate", absent, "No such file"}},
      {{.cert_path = folder, .key_path = key}, {"certificate", folder, "not a file"}},
      {{.cert_path = garbage, .key_path = key}, {"certificate", garbage, "no start line"}},
      {{.cert_path = cert, .key_path = garbage}, {"key", garbage}},
      {{.cert_path = cert, .key_path = absent}, {"key", absent, "No such file"}},
      {{.cert_path = cert, .key_path = other.key_path}, {"key", other.key_path, "mismatch"}},
      {{.cert_path = cert, .key_path = encrypted}, {"key", encrypted, "is encrypted"}},
      {{.cert_path = expired.cert_path, .key_path = expired.key_path},
       {"certificate", expired.cert_path, "expired on"}},
      {{.cert_path = cert, .key_path = key, .client_ca_path = garbage}, {"client CA", garbage}},
      {{.cert_path = cert, .key_path = key, .client_ca_path = absent}, {"client CA", absent}},
  };
  EXPECT_TRUE(check_tls_files({.cert_path = cert, .key_path = key}));
  EXPECT_TRUE(check_tls_files({}));
  IoPool pool(1);
  SystemClock clock;
  Ledger ledger(clock);
  for (const Case& c : cases) {
    HttpServerOptions bad;
    bad.tls = c.files;
    const auto server = HttpServer::listen(pool, ledger, bad, echo, {});
    ASSERT_FALSE(server) << c.words.front();
    EXPECT_FALSE(check_tls_files(c.files));
    for (const std::string& word : c.words) {
      EXPECT_NE(server.error().message().find(word), std::string::npos)
          << word << " in: " << server.error().message();
    }
  }
}

TEST_F(HttpTls, shows_a_reloaded_certificate_to_new_connections_only) {
  TestServer server(echo, options());
  TlsClient before(server.port(), {.ca = &ca_});
  ASSERT_TRUE(before.shake_hands());
  const Identity fresh = certificates_.make_leaf("fresh", ca_);
  std::filesystem::copy_file(fresh.cert_path, leaf_.cert_path,
                             std::filesystem::copy_options::overwrite_existing);
  // Half-way through a renewal: certificate and key do not match.
  const Status half_way = server.server().reload_certificates();
  ASSERT_FALSE(half_way);
  EXPECT_NE(half_way.error().message().find("mismatch"), std::string::npos);
  TlsClient between(server.port(), {.ca = &ca_});
  ASSERT_TRUE(between.shake_hands());
  EXPECT_EQ(between.server_name(), "leaf");
  std::filesystem::copy_file(fresh.key_path, leaf_.key_path,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(server.server().reload_certificates());
  TlsClient after(server.port(), {.ca = &ca_});
  ASSERT_TRUE(after.shake_hands());
  EXPECT_EQ(after.server_name(), "fresh");
  for (TlsClient* client : {&before, &between, &after}) {
    EXPECT_EQ(client->ask(kTlsGet).status, 200);
  }
}

TEST_F(HttpTls, keeps_the_old_certificate_when_the_new_one_is_bad) {
  TestServer server(echo, options());
  const Identity expired = certificates_.make_leaf("expired", ca_, seconds(-60));
  std::filesystem::copy_file(expired.cert_path, leaf_.cert_path,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_FALSE(server.server().reload_certificates());
  EXPECT_TRUE(is_served(server, {}));
  std::filesystem::remove(leaf_.cert_path);
  EXPECT_FALSE(server.server().reload_certificates());
  EXPECT_TRUE(is_served(server, {}));
}

TEST_F(HttpTls, reloads_while_clients_come) {
  TestServer server(echo, options());
  std::atomic<bool> stop = false;
  std::thread reloading([&] {
    while (!stop) EXPECT_TRUE(server.server().reload_certificates());
  });
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(is_served(server, {}));
  stop = true;
  reloading.join();
}

TEST_F(HttpTls, a_server_without_tls_has_nothing_to_reload) {
  TestServer server;
  EXPECT_FALSE(server.server().reload_certificates());
  EXPECT_EQ(RawClient(server.port()).ask(kTlsGet).status, 200);
}

}  // namespace
}  // namespace penstock::net
