#include "bench/frontend/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

namespace penstock::frontend {
namespace {

sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  const sockaddr_in address = loopback_address(port);
  CHECK(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
        "nobody listens at port {}", port);
  return fd;
}

std::pair<int, int> loopback_pair() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(listener >= 0);
  sockaddr_in address = loopback_address(0);
  CHECK(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  CHECK(::listen(listener, 1) == 0);
  socklen_t size = sizeof address;
  CHECK(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const int client = connect_to(ntohs(address.sin_port));
  const int server = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  CHECK(server >= 0);
  const int on = 1;
  CHECK(::setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
  ::close(listener);
  return {client, server};
}

}  // namespace penstock::frontend
