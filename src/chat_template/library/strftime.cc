#include "chat_template/library/strftime.h"

#include <chrono>
#include <string>

namespace penstock::chat_template {
namespace {

constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};

struct CivilTime {
  std::int64_t year = 1970;
  int month = 1;  // 1 to 12
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int microsecond = 0;
  int weekday = 4;   // 0 is Sunday
  int year_day = 0;  // 0 is January 1st
  std::int64_t unix_seconds = 0;
};

std::int64_t floor_divide(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0 ? 1 : 0);
}

CivilTime to_civil(std::int64_t unix_us) {
  using std::chrono::days;
  using std::chrono::sys_days;
  CivilTime time;
  time.unix_seconds = floor_divide(unix_us, 1'000'000);
  time.microsecond = static_cast<int>(unix_us - time.unix_seconds * 1'000'000);
  const std::int64_t day_number = floor_divide(time.unix_seconds, 86'400);
  const auto seconds = static_cast<int>(time.unix_seconds - day_number * 86'400);
  time.hour = seconds / 3600;
  time.minute = seconds / 60 % 60;
  time.second = seconds % 60;
  const sys_days date{days{day_number}};
  const std::chrono::year_month_day civil{date};
  time.year = int{civil.year()};
  time.month = static_cast<int>(unsigned{civil.month()});
  time.day = static_cast<int>(unsigned{civil.day()});
  time.weekday = static_cast<int>(std::chrono::weekday{date}.c_encoding());
  time.year_day =
      static_cast<int>((date - sys_days{civil.year() / std::chrono::January / 1}).count());
  return time;
}

struct IsoWeek {
  std::int64_t year = 0;
  int week = 0;
};

bool is_leap(std::int64_t year) noexcept {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

IsoWeek iso_week(const CivilTime& time) {
  const int iso_day = time.weekday == 0 ? 7 : time.weekday;
  IsoWeek result{time.year, (time.year_day + 1 - iso_day + 10) / 7};
  const auto weeks_in = [&time](std::int64_t year, std::int64_t day_of_january_1) {
    (void)time;
    return day_of_january_1 == 4 || (day_of_january_1 == 3 && is_leap(year)) ? 53 : 52;
  };
  const int january_1 = ((time.weekday - time.year_day) % 7 + 7) % 7;
  if (result.week == 0) {
    const std::int64_t before = time.year - 1;
    const int shift = is_leap(before) ? 2 : 1;
    result = {before, weeks_in(before, ((january_1 - shift) % 7 + 7) % 7)};
  } else if (result.week > weeks_in(time.year, january_1)) {
    result = {time.year + 1, 1};
  }
  return result;
}

// One conversion's flag: - no padding, _ spaces, 0 zeros, ^ capitals.
std::string padded(std::int64_t number, int width, char fill, char flag) {
  if (flag == '-') return format("{}", number);
  if (flag == '_') fill = ' ';
  if (flag == '0') fill = '0';
  return fill == '0' ? format("{:0{}}", number, width) : format("{:{}}", number, width);
}

class TimeFormatter final {
 public:
  explicit TimeFormatter(const CivilTime& time) : time_(time) {}

  // What %c stands for; nothing for an unknown conversion.
  std::optional<std::string> convert(char c, char flag) const {
    const int hour12 = time_.hour % 12 == 0 ? 12 : time_.hour % 12;
    switch (c) {
      case 'Y':
        return padded(time_.year, 1, '0', '-');
      case 'C':
        return padded(time_.year / 100, 2, '0', flag);
      case 'y':
        return padded(time_.year % 100, 2, '0', flag);
      case 'm':
        return padded(time_.month, 2, '0', flag);
      case 'd':
        return padded(time_.day, 2, '0', flag);
      case 'e':
        return padded(time_.day, 2, ' ', flag);
      case 'j':
        return padded(time_.year_day + 1, 3, '0', flag);
      case 'H':
        return padded(time_.hour, 2, '0', flag);
      case 'k':
        return padded(time_.hour, 2, ' ', flag);
      case 'I':
        return padded(hour12, 2, '0', flag);
      case 'l':
        return padded(hour12, 2, ' ', flag);
      case 'M':
        return padded(time_.minute, 2, '0', flag);
      case 'S':
        return padded(time_.second, 2, '0', flag);
      case 'f':
        return padded(time_.microsecond, 6, '0', '\0');
      case 's':
        return padded(time_.unix_seconds, 1, '0', '-');
      case 'u':
        return padded(time_.weekday == 0 ? 7 : time_.weekday, 1, '0', flag);
      case 'w':
        return padded(time_.weekday, 1, '0', flag);
      case 'U':
        return padded((time_.year_day + 7 - time_.weekday) / 7, 2, '0', flag);
      case 'W':
        return padded((time_.year_day + 7 - (time_.weekday + 6) % 7) / 7, 2, '0', flag);
      case 'V':
        return padded(iso_week(time_).week, 2, '0', flag);
      case 'G':
        return padded(iso_week(time_).year, 1, '0', '-');
      case 'g':
        return padded(iso_week(time_).year % 100, 2, '0', flag);
      default:
        return convert_words(c, flag);
    }
  }

 private:
  std::optional<std::string> convert_words(char c, char flag) const {
    const std::string_view day = kDays[time_.weekday];
    const std::string_view month = kMonths[time_.month - 1];
    switch (c) {
      case 'A':
        return word(day, flag);
      case 'a':
        return word(day.substr(0, 3), flag);
      case 'B':
        return word(month, flag);
      case 'b':
      case 'h':
        return word(month.substr(0, 3), flag);
      case 'p':
        return std::string(time_.hour < 12 ? "AM" : "PM");
      case 'P':
        return word(time_.hour < 12 ? "am" : "pm", flag);
      case 'n':
        return "\n";
      case 't':
        return "\t";
      case 'z':
      case 'Z':
        return "";  // the time is naive
      case 'D':
      case 'x':
        return join("m/d/y");
      case 'F':
        return join("Y-m-d");
      case 'T':
      case 'X':
        return join("H:M:S");
      case 'R':
        return join("H:M");
      case 'r':
        return join("I:M:S p");
      case 'c':
        return join("a b e H:M:S Y");
      default:
        return std::nullopt;
    }
  }

  static std::string word(std::string_view text, char flag) {
    std::string out(text);
    if (flag == '^' || flag == '#') {
      for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return out;
  }

  // Letters are conversions, everything else stands for itself.
  std::string join(std::string_view pattern) const {
    std::string out;
    for (const char c : pattern) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      out += letter ? convert(c, '\0').value_or("") : std::string(1, c);
    }
    return out;
  }

  const CivilTime& time_;
};

}  // namespace

Result<const Str*> format_time(Runtime& runtime, std::int64_t unix_us, const Str& format) {
  RETURN_IF_ERROR(runtime.charge_bytes(format.size));
  const CivilTime time = to_civil(unix_us);
  const TimeFormatter formatter(time);
  const std::string_view bytes = format.view();
  TextBuilder out(runtime.heap());
  std::uint32_t plain_from = 0;
  for (std::uint32_t at = 0; at + 1 < format.size; ++at) {
    if (bytes[at] != '%') continue;
    std::uint32_t letter = at + 1;
    char flag = '\0';
    if (std::string_view("-_0^#").find(bytes[letter]) != std::string_view::npos &&
        letter + 1 < format.size) {
      flag = bytes[letter++];
    }
    if (bytes[letter] == '%') {
      out.append(format, plain_from, at + 1);
      plain_from = letter + 1;
    } else if (const auto text = formatter.convert(bytes[letter], flag)) {
      out.append(format, plain_from, at);
      out.append_made(*text);
      plain_from = letter + 1;
    }
    at = letter;
  }
  out.append(format, plain_from, format.size);
  return out.finish();
}

}  // namespace penstock::chat_template
