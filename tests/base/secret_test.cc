#include "base/secret.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(HmacSha256, gives_the_digests_of_rfc_4231) {
  EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(std::string(131, '\xaa'),
                               "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(EqualInConstantTime, compares_bytes_and_sizes) {
  const Sha256Digest a = sha256("a");
  Sha256Digest other = a;
  EXPECT_TRUE(equal_in_constant_time(a, other));
  other.back() ^= std::byte{1};
  EXPECT_FALSE(equal_in_constant_time(a, other));
  EXPECT_FALSE(equal_in_constant_time(a, std::span(a).first(31)));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
}

}  // namespace
}  // namespace penstock
