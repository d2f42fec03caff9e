#include "penstock/settings.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "penstock/serve_settings.h"

namespace penstock::apps {
namespace {

struct Values {
  bool metrics = true;
  std::int64_t port = 8000;
  double ratio = 0.5;
  std::string host = "127.0.0.1";
  std::string mode = "a";
  std::vector<std::string> names;
  std::optional<std::int64_t> threads;
};

Settings make_table(Values& v) {
  Settings table("test", "A test.");
  table.add("metrics", &v.metrics, "m");
  table.add("port,listen-port", &v.port, SettingRange{0, 65'535}, "p");
  table.add("ratio", &v.ratio, "r");
  table.add("host", &v.host, "h");
  table.add("mode", &v.mode, {"a", "b"}, "m");
  table.add("names", &v.names, "n");
  table.add("threads", &v.threads, "t");
  return table;
}

class SettingsTest : public ::testing::Test {
 protected:
  void TearDown() override {
    unsetenv("PENSTOCK_PORT");
    unsetenv("PENSTOCK_METRICS");
    std::filesystem::remove(path_);
  }
  std::string write_file(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  Values values_;
  Settings table_ = make_table(values_);
  std::string path_ = ::testing::TempDir() + "settings_test.toml";
};

std::string error_of(const Result<Settings::Outcome>& outcome) {
  return outcome ? "" : outcome.error().message();
}

TEST_F(SettingsTest, json_shows_values_and_origins_and_no_secret) {
  std::string secret = "hunter2";
  std::string url = "redis://me:hunter2@store:6379/0";
  table_.add("peer-secret", &secret, "s");
  table_.add("store", &url, "u");
  ASSERT_TRUE(table_.parse({"--port", "1", "--names", "x", "y\"z"}));
  const std::string json = table_.config_json();
  for (const std::string_view part :
       {R"("port":{"value":1,"origin":"flag"})", R"("threads":{"value":null,"origin":"default"})",
        R"("names":{"value":["x","y\"z"],"origin":"flag"})", R"("metrics":{"value":true,)",
        R"("peer-secret":{"value":"***",)", R"("value":"redis://me:***@store:6379/0")"}) {
    EXPECT_TRUE(json.contains(part)) << part << " in " << json;
  }
  EXPECT_FALSE(json.contains("hunter2"));
}

TEST_F(SettingsTest, flags_win_over_environment_over_file_over_default) {
  setenv("PENSTOCK_PORT", "2", 1);
  setenv("PENSTOCK_METRICS", "false", 1);
  const std::string path = write_file("port = 3\nhost = \"file\"\nnames = [\"x\", \"y\"]\n");
  ASSERT_TRUE(table_.parse({"--port", "1", "--config", path}));
  EXPECT_EQ(values_.port, 1);
  EXPECT_FALSE(values_.metrics);
  EXPECT_EQ(values_.host, "file");
  EXPECT_EQ(values_.names, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(values_.ratio, 0.5);
  const std::string text = table_.config_text();
  EXPECT_NE(text.find("port = 1  # flag"), std::string::npos) << text;
  EXPECT_NE(text.find("metrics = false  # environment PENSTOCK_METRICS"), std::string::npos);
  EXPECT_NE(text.find("host = \"file\"  # file " + path), std::string::npos) << text;
  EXPECT_NE(text.find("ratio = 0.5  # default"), std::string::npos) << text;
  EXPECT_NE(text.find("# threads is unset"), std::string::npos) << text;
}

TEST_F(SettingsTest, environment_wins_over_file) {
  setenv("PENSTOCK_PORT", "2", 1);
  ASSERT_TRUE(table_.parse({"--config", write_file("port = 3\n")}));
  EXPECT_EQ(values_.port, 2);
}

TEST_F(SettingsTest, booleans_have_a_no_twin) {
  ASSERT_TRUE(table_.parse({"--no-metrics"}));
  EXPECT_FALSE(values_.metrics);
}

TEST_F(SettingsTest, aliases_set_the_same_value) {
  ASSERT_TRUE(table_.parse({"--listen-port=9", "--threads", "4"}));
  EXPECT_EQ(values_.port, 9);
  EXPECT_EQ(values_.threads, 4);
}

TEST_F(SettingsTest, unknown_flags_name_the_nearest) {
  EXPECT_EQ(error_of(table_.parse({"--prot", "1"})), "--prot is unknown; did you mean --port?");
  EXPECT_EQ(error_of(make_table(values_).parse({"stray"})),
            "'stray' is no flag; flags begin with --");
}

TEST_F(SettingsTest, unknown_lines_of_the_file_name_the_nearest) {
  const std::string path = write_file("hots = \"x\"\n");
  EXPECT_EQ(error_of(table_.parse({"--config", path})),
            "--config " + path + ": 'hots' is unknown; did you mean 'host'?");
}

TEST_F(SettingsTest, wrong_values_name_the_flag_and_the_limit) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--port", "70000"}, {"--port", "x"}, {"--mode", "c"}}) {
    Values values;
    const std::string error = error_of(make_table(values).parse(arguments));
    EXPECT_NE(error.find(arguments[0].substr(2)), std::string::npos) << error;
  }
  setenv("PENSTOCK_PORT", "many", 1);
  EXPECT_NE(error_of(table_.parse({})).find("PENSTOCK_PORT"), std::string::npos);
}

TEST_F(SettingsTest, a_broken_file_names_its_line) {
  const std::string error = error_of(table_.parse({"--config", write_file("port = 1\nhost = \n")}));
  EXPECT_NE(error.find("line 2"), std::string::npos) << error;
  EXPECT_FALSE(table_.parse({"--config", "/does/not/exist.toml"}));
}

TEST(ServeSettings, print_a_file_that_reads_back_equal) {
  ServeSettings first;
  Settings table = make_serve_settings(first);
  ASSERT_TRUE(table.parse({"--model", "m.gguf", "--http-port", "0", "--no-http-metrics"}));
  const std::string path = ::testing::TempDir() + "serve_settings.toml";
  std::ofstream(path) << table.config_text();
  ServeSettings second;
  Settings again = make_serve_settings(second);
  const auto outcome = again.parse({"--config", path});
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(second.model, "m.gguf");
  EXPECT_EQ(second.http_port, 0);
  EXPECT_FALSE(second.http_metrics);
  std::filesystem::remove(path);
}

TEST(ServeSettings, keep_kv_in_f32_beside_f32_arithmetic) {
  ServeSettings settings;
  settings.compute = "f32";
  EXPECT_EQ(native_options(settings).kv_dtype, model::KvDType::kF32);
  settings.kv_dtype = "bf16";
  EXPECT_EQ(native_options(settings).kv_dtype, model::KvDType::kBF16);
}

}  // namespace
}  // namespace penstock::apps
