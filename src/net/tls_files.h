// Which files make a server speak TLS.
#pragma once

#include <string>

namespace penstock::net {

// Paths of PEM files. `cert_path` (the server's certificate, then its chain) and `key_path` come
// together; with `client_ca_path` a client must show a certificate that one of these has signed.
struct TlsFiles {
  std::string cert_path{};
  std::string key_path{};
  std::string client_ca_path{};

  [[nodiscard]] bool is_wanted() const noexcept {
    return !cert_path.empty() || !key_path.empty() || !client_ca_path.empty();
  }
};

}  // namespace penstock::net
