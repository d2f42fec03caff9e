#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/ref/ops.h"
#include "tests/kernels/random_weights.h"

namespace penstock::kernels {
namespace {

// A sequence of keys and values, and its paged form in shuffled blocks of a pool of garbage.
class PagedSequence {
 public:
  PagedSequence(KvType type, std::uint32_t head_dim, std::uint32_t block_size,
                std::uint32_t positions, std::mt19937& random)
      : shape_{type, 2, 2, head_dim, block_size},
        keys_(random_values(std::size_t{positions} * head_dim, random)),
        values_(random_values(std::size_t{positions} * head_dim, random)) {
    const std::uint32_t num_blocks = (positions + block_size - 1) / block_size;
    pool_ = *device::HostBuffer::allocate(std::size_t{num_blocks} * shape_.block_bytes());
    std::ranges::fill(pool_.bytes(), std::byte{0xFF});  // NaN in every type
    table_.resize(num_blocks);
    std::iota(table_.begin(), table_.end(), 0U);
    std::ranges::shuffle(table_, random);
    for (std::uint32_t p = 0; p < positions; ++p) {
      write_kv(view(), p, keys_.data() + std::size_t{p} * head_dim,
               values_.data() + std::size_t{p} * head_dim);
    }
  }

  [[nodiscard]] KvHeadView view() { return {&shape_, pool_.data(), table_.data(), 1, 1}; }
  [[nodiscard]] std::uint32_t head_dim() const { return shape_.head_dim; }

  [[nodiscard]] std::vector<double> expected(std::span<const float> query,
                                             std::uint32_t positions) const {
    std::vector<float> q(query.begin(), query.end());
    const std::size_t count = std::size_t{positions} * shape_.head_dim;
    std::vector<float> k(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<float> v(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count));
    if (shape_.type == KvType::kBF16) {
      for (auto* values : {&q, &k, &v}) {
        for (float& value : *values) value = bf16_to_f32(f32_to_bf16(value));
      }
    }
    return ref::attention(q, k, v, 0.25);
  }

 private:
  KvShape shape_;
  std::vector<float> keys_;
  std::vector<float> values_;
  device::HostBuffer pool_;
  std::vector<std::uint32_t> table_;
};

std::vector<float> attend(const CpuKernels& kernels, PagedSequence& sequence,
                          const std::vector<float>& queries,
                          const std::vector<std::uint32_t>& positions) {
  const std::uint32_t head_dim = sequence.head_dim();
  std::vector<float> out(queries.size());
  std::vector<AttentionQuery> list;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    list.push_back({queries.data() + i * head_dim, out.data() + i * head_dim, positions[i]});
  }
  const AttentionArgs args{list, sequence.view(), 0.25F, ActivationType::kF32};
  (sequence.view().shape->type == KvType::kF32 ? kernels.attend_f32 : kernels.attend_bf16)(args);
  return out;
}

struct Shape {
  KvType type;
  std::uint32_t head_dim;
  std::uint32_t block_size;
  std::uint32_t positions;
};

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const KvType type : {KvType::kF32, KvType::kBF16}) {
    for (const std::uint32_t positions : {1U, 31U, 32U, 33U, 257U, 700U}) {
      all.push_back({type, 64, 32, positions});
    }
    all.push_back({type, 8, 16, 300});
    all.push_back({type, 80, 64, 129});
    all.push_back({type, 256, 32, 65});
  }
  return all;
}

class Attend : public testing::TestWithParam<const CpuKernels*> {};
INSTANTIATE_TEST_SUITE_P(Isa, Attend, testing::ValuesIn(runnable_kernels()), KernelName{});

// f32: scores carry about head_dim roundings, probabilities and sums a few more. bf16: inputs are
// rounded alike in the reference; what remains is the rounding of p to 8 bits, 2^-9 of each term.
TEST_P(Attend, is_near_the_reference) {
  std::mt19937 random(31);
  for (const Shape& s : shapes()) {
    PagedSequence sequence(s.type, s.head_dim, s.block_size, s.positions, random);
    const std::vector<float> query = random_values(s.head_dim, random);
    const std::vector<float> got = attend(*GetParam(), sequence, query, {s.positions});
    const std::vector<double> expected = sequence.expected(query, s.positions);
    const double tolerance = s.type == KvType::kF32 ? 2e-5 : 1e-2;
    for (std::size_t d = 0; d < s.head_dim; ++d) {
      ASSERT_NEAR(got[d], expected[d], tolerance)
          << s.positions << " positions, head_dim " << s.head_dim << ", d " << d;
    }
  }
}

TEST_P(Attend, a_query_has_the_same_bits_alone_and_beside_others) {
  std::mt19937 random(37);
  for (const Shape& s : shapes()) {
    if (s.positions < 31) continue;
    PagedSequence sequence(s.type, s.head_dim, s.block_size, s.positions, random);
    for (const std::size_t count : {2U, 5U, 7U, 8U}) {
      std::vector<std::uint32_t> positions(count);
      for (std::uint32_t& p : positions) p = 1 + random() % s.positions;
      positions.back() = s.positions;
      std::ranges::sort(positions);
      const std::vector<float> queries = random_values(count * s.head_dim, random);
      const std::vector<float> together = attend(*GetParam(), sequence, queries, positions);
      for (std::size_t i = 0; i < count; ++i) {
        const auto begin = queries.begin() + static_cast<std::ptrdiff_t>(i * s.head_dim);
        const std::vector<float> query(begin, begin + s.head_dim);
        const std::vector<float> alone = attend(*GetParam(), sequence, query, {positions[i]});
        ASSERT_EQ(0, std::memcmp(alone.data(), together.data() + i * s.head_dim, 4 * alone.size()))
            << positions[i] << " positions, query " << i << " of " << count;
      }
    }
  }
}

TEST_P(Attend, has_the_bits_of_the_portable_kernels) {
  std::mt19937 random(41);
  for (const Shape& s : shapes()) {
    PagedSequence sequence(s.type, s.head_dim, s.block_size, s.positions, random);
    const std::vector<float> queries = random_values(std::size_t{3} * s.head_dim, random);
    const std::vector<std::uint32_t> positions(3, s.positions);
    EXPECT_TRUE(same_bits(attend(*GetParam(), sequence, queries, positions),
                          attend(*runnable_kernels().front(), sequence, queries, positions)));
  }
}

}  // namespace
}  // namespace penstock::kernels
