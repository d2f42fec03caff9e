// The tensor-core product m16n8k16, bf16 in, f32 sums, and how fragments are had without shuffles.
//
// A dot product does not care how k is numbered as long as both sides agree. Of 32 neighbouring k,
// lane (g = lane / 4, t = lane % 4) takes k = 8t .. 8t + 7: one 16-byte load from row g of either
// operand. Words x, y of it stand where the first product wants k = 2t, 2t+1 and 2t+8, 2t+9, words
// z, w where the second does.
#pragma once

#include <cstdint>

namespace penstock::kernels::cuda {

// c[0], c[1]: A row g, B columns 2t and 2t + 1; c[2], c[3]: A row g + 8.
struct Fragment {
  float c[4];
};

__device__ __forceinline__ void multiply(Fragment& acc, std::uint32_t a0, std::uint32_t a1,
                                         std::uint32_t a2, std::uint32_t a3, std::uint32_t b0,
                                         std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(acc.c[0]), "+f"(acc.c[1]), "+f"(acc.c[2]), "+f"(acc.c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// 32 k: two products. `low` is row g of A, `high` row g + 8, `b` column g of B.
__device__ __forceinline__ void multiply_chunk(Fragment& acc, uint4 low, uint4 high, uint4 b) {
  multiply(acc, low.x, high.x, low.y, high.y, b.x, b.y);
  multiply(acc, low.z, high.z, low.w, high.w, b.z, b.w);
}

}  // namespace penstock::kernels::cuda
