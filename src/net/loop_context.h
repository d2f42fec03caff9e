// Asio's side of a loop. Included by io_pool.cc and socket.cc only: its headers cost seconds.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "net/loop.h"

namespace penstock::net {

struct IoPool::Loop::Context {
  // One thread runs it; others only post.
  boost::asio::io_context io{1};
  // The inbox's signal; the inbox closes it.
  boost::asio::posix::stream_descriptor signal{io};
};

}  // namespace penstock::net
