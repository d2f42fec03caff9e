#include "net/out_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace penstock::net {
namespace {

std::string gathered(const OutQueue& queue) {
  std::array<iovec, 4096> pieces;
  std::string all;
  for (const iovec& piece : queue.gather(pieces)) {
    all.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return all;
}

TEST(OutQueue, joins_small_pieces_and_keeps_large_ones_apart) {
  OutQueue queue;
  queue.append("5\r\n");
  queue.append("hello");
  queue.append("\r\n");
  std::array<iovec, 8> pieces;
  EXPECT_EQ(queue.gather(pieces).size(), 1);
  queue.append_owned(std::string(100'000, 'x'));
  EXPECT_EQ(queue.gather(pieces).size(), 2);
  queue.append("tail");
  EXPECT_EQ(queue.gather(pieces).size(), 3);
  EXPECT_EQ(queue.size(), 10 + 100'000 + 4);
}

TEST(OutQueue, gives_back_the_bytes_in_order_however_they_are_taken) {
  std::mt19937 random(7);
  OutQueue queue;
  std::string expected;
  std::string taken;
  for (int step = 0; step < 5000; ++step) {
    if (random() % 2 == 0) {
      const bool is_large = random() % 20 == 0;
      const std::string piece(is_large ? 4096 + random() % 9000 : random() % 50,
                              static_cast<char>('a' + step % 26));
      expected += piece;
      if (random() % 2 == 0) {
        queue.append(piece);
      } else {
        queue.append_owned(piece);
      }
    } else if (!queue.is_empty()) {
      const std::size_t n = 1 + random() % std::min<std::size_t>(queue.size(), 6000);
      std::array<iovec, 256> pieces;
      std::string front;
      for (const iovec& piece : queue.gather(pieces)) {
        front.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
      }
      const std::size_t count = std::min(n, front.size());
      taken += front.substr(0, count);
      queue.consume(count);
    }
  }
  taken += gathered(queue);
  EXPECT_EQ(taken, expected);
}

TEST(OutQueue, is_empty_after_release) {
  OutQueue queue;
  queue.append("abc");
  queue.consume(1);
  queue.release();
  EXPECT_TRUE(queue.is_empty());
  queue.append("d");
  EXPECT_EQ(gathered(queue), "d");
}

}  // namespace
}  // namespace penstock::net
