#include "net/http_text.h"

#include <gtest/gtest.h>

namespace penstock::net {
namespace {

TEST(ParseTarget, splits_path_and_query_and_decodes_only_the_path) {
  const auto target = parse_target("/v1/models/a%2Fb%20c?x=%20&y");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/v1/models/a/b c");
  EXPECT_EQ(target->query, "x=%20&y");
}

TEST(ParseTarget, takes_absolute_form_and_asterisk) {
  EXPECT_EQ(parse_target("http://host:80/a?b")->path, "/a");
  EXPECT_EQ(parse_target("HTTPS://host")->path, "/");
  EXPECT_EQ(parse_target("http://host?q")->path, "/");
  EXPECT_EQ(parse_target("http://host?q")->query, "q");
  EXPECT_EQ(parse_target("*")->path, "*");
}

TEST(ParseTarget, refuses_bad_percent_encoding_and_control_bytes) {
  for (const char* bad : {"/%", "/%4", "/%zz", "/a%0", "/%00", "/%0a", "/%7f", "/\x01", "a", "",
                          "ftp://x/y", "host:443"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
}

TEST(ParseTarget, keeps_utf8_and_plus_as_they_are) {
  EXPECT_EQ(parse_target("/%C3%A9+%25")->path, "/\xC3\xA9+%");
}

TEST(ResponseHead, leaves_out_what_the_server_owns) {
  std::string out;
  append_response_head(out, {.status = 200, .content_length = 12},
                       {{"Content-Length", "99"},
                        {"Transfer-Encoding", "chunked"},
                        {"Connection", "keep-alive"},
                        {"Date", "never"},
                        {"x-kept", "1"}});
  EXPECT_EQ(out.find("99"), std::string::npos);
  EXPECT_EQ(out.find("chunked"), std::string::npos);
  EXPECT_EQ(out.find("keep-alive"), std::string::npos);
  EXPECT_EQ(out.find("never"), std::string::npos);
  EXPECT_NE(out.find("\r\ncontent-length: 12\r\n"), std::string::npos);
  EXPECT_NE(out.find("\r\nx-kept: 1\r\n"), std::string::npos);
  EXPECT_NE(out.find(" GMT\r\n"), std::string::npos);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
}

TEST(ResponseHead, a_value_cannot_start_a_header_of_its_own) {
  std::string out;
  append_response_head(out, {}, {{"x-echo", "a\r\nset-cookie: b"}, {"x\nb", "c"}});
  EXPECT_EQ(out.find("\r\nset-cookie"), std::string::npos);
  EXPECT_EQ(out.find('\n', out.find("x-echo")), out.find("\r\n", out.find("x-echo")) + 1);
}

TEST(HeaderLookup, ignores_case_and_finds_the_first) {
  const HttpHeaders headers = {{"X-A", "1"}, {"x-a", "2"}};
  ASSERT_NE(find_header(headers, "x-A"), nullptr);
  EXPECT_EQ(*find_header(headers, "x-A"), "1");
  EXPECT_EQ(find_header(headers, "x-b"), nullptr);
}

TEST(ChunkSize, is_hexadecimal) {
  std::string out;
  append_chunk_size(out, 0x1f3a);
  EXPECT_EQ(out, "1f3a\r\n");
}

}  // namespace
}  // namespace penstock::net
