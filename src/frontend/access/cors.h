// Which web pages may read the answers (the Fetch standard's CORS protocol); off by default.
//
// Keys travel in headers and no cookie is ever read, so credentials are not allowed for.
// Threading: immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http_server.h"

namespace penstock::frontend {

class Cors final {
 public:
  Cors() = default;  // off: no headers, no preflights

  // Origins as browsers write them, "https://chat.example:8443", or "*" for all. None: off.
  [[nodiscard]] static Result<Cors> allow(const std::vector<std::string>& origins);

  [[nodiscard]] bool is_on() const noexcept { return allows_all_ || !origins_.empty(); }

  // What every answer to `request` carries.
  [[nodiscard]] net::HttpHeaders headers(const net::HttpRequest& request) const;
  // What an answer can carry whose request could not be read: with several origins the one that
  // asked is not known, and the page learns that the request failed but not why.
  [[nodiscard]] net::HttpHeaders headers_of_any() const;

  // The answer to OPTIONS of a path that takes the methods `allow`; `headers`: those of every
  // answer, headers(request) among them.
  [[nodiscard]] net::HttpResponse preflight(const net::HttpRequest& request, std::string_view allow,
                                            net::HttpHeaders headers) const;

 private:
  [[nodiscard]] bool allows(std::string_view origin) const;
  [[nodiscard]] net::HttpHeaders headers_for(std::string_view origin) const;

  bool allows_all_ = false;
  std::vector<std::string> origins_;
};

}  // namespace penstock::frontend
