#include "sched/fair_share.h"

#include <gtest/gtest.h>

namespace penstock::sched {
namespace {

TEST(FairShare, a_weight_of_two_is_charged_half) {
  FairShare shares;
  Tenant& a = shares.enter("a", 1);
  Tenant& b = shares.enter("b", 2);
  FairShare::charge(a, 100);
  FairShare::charge(b, 100);
  EXPECT_EQ(a.served, 100);
  EXPECT_EQ(b.served, 50);
}

TEST(FairShare, a_pause_earns_no_credit) {
  FairShare shares;
  Tenant& a = shares.enter("a", 1);
  Tenant& b = shares.enter("b", 1);
  shares.leave(b);
  FairShare::charge(a, 1000);
  EXPECT_EQ(shares.enter("b", 1).served, 1000);
  EXPECT_EQ(shares.enter("new", 1).served, 1000);
}

TEST(FairShare, a_pause_forgives_no_debt) {
  FairShare shares;
  Tenant& a = shares.enter("a", 1);
  (void)shares.enter("b", 1);
  FairShare::charge(a, 1000);
  shares.leave(a);
  EXPECT_EQ(shares.enter("a", 1).served, 1000);
}

TEST(FairShare, many_tenants_that_come_and_go_are_forgotten) {
  FairShare shares;
  Tenant& here = shares.enter("here", 1);
  for (int i = 0; i < 20'000; ++i) {
    Tenant& passing = shares.enter("tenant " + std::to_string(i), 1);
    FairShare::charge(passing, i);
    shares.leave(passing);
  }
  EXPECT_LE(shares.num_tenants(), 4097U);
  EXPECT_EQ(here.num_live, 1U);
}

}  // namespace
}  // namespace penstock::sched
