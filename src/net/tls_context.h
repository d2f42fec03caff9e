// The server's side of TLS: what every connection's session is made from.
//
// TLS 1.2 (forward-secret AEAD suites only) and 1.3, ALPN http/1.1. No renegotiation and no
// compression. Sessions are not resumed: a new connection always shows the current certificate and
// always has its client certificate checked; clients of an API keep their connections.
//
// Threading: any thread. Ownership: a session keeps the OpenSSL context that it came from, so a
// reload concerns new connections only. Errors: kInvalid, naming file and reason.
#pragma once

#include <memory>

#include "base/mutex.h"
#include "base/result.h"
#include "net/tls_files.h"

struct ssl_ctx_st;
struct ssl_st;

namespace penstock::net {

struct SslFree {
  void operator()(ssl_st* ssl) const noexcept;
  void operator()(ssl_ctx_st* context) const noexcept;
};
using SslPtr = std::unique_ptr<ssl_st, SslFree>;
using SslContextPtr = std::unique_ptr<ssl_ctx_st, SslFree>;

// What load() would refuse, found out early: before a model is read for minutes. No files at all
// are fine.
[[nodiscard]] Status check_tls_files(const TlsFiles& files);

class TlsContext final {
 public:
  // Refuses files that are missing, damaged, encrypted or expired, and a key of another
  // certificate.
  [[nodiscard]] static Result<std::unique_ptr<TlsContext>> load(TlsFiles files);

  // Reads the files again. On an error everything stays as it was.
  [[nodiscard]] Status reload();
  // A session that waits for a client's hello. Throws bad_alloc, as any allocation.
  [[nodiscard]] SslPtr new_session() const;

 private:
  TlsContext(TlsFiles files, SslContextPtr context);

  const TlsFiles files_;
  mutable Mutex mutex_;
  SslContextPtr current_ GUARDED_BY(mutex_);
};

}  // namespace penstock::net
