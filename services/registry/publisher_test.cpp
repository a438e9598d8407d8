#include "registry/publisher.h"

#include <filesystem>
#include <fstream>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace maestro::registry {
namespace {

namespace fs = std::filesystem;

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() {
    std::string pattern = (fs::temp_directory_path() / "maestro-publisher-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~PublisherTest() override { fs::remove_all(directory_); }

  static v1::Catalog catalog(const std::string& name) {
    v1::Catalog made;
    v1::Provider& provider = *made.add_providers();
    provider.set_id(name);
    provider.set_base_url("http://x");
    return made;
  }
  fs::path file() const { return directory_ / "catalog-revision.json"; }

  boost::asio::io_context loop_;
  fs::path directory_;
};

TEST_F(PublisherTest, numbers_grow_and_the_same_content_is_not_pushed_again) {
  Publisher publisher(loop_.get_executor(), file());
  EXPECT_EQ(publisher.present(), nullptr);
  EXPECT_TRUE(*publisher.publish(catalog("a")));
  EXPECT_EQ(publisher.revision().number(), 1U);
  EXPECT_TRUE(*publisher.publish(catalog("b")));
  EXPECT_FALSE(*publisher.publish(catalog("b")));
  EXPECT_EQ(publisher.revision().number(), 2U);
  EXPECT_EQ(publisher.present()->revision().number(), 2U);
  EXPECT_TRUE(publisher.push_time(publisher.revision()).has_value());
}

TEST_F(PublisherTest, a_list_that_was_fetched_again_unchanged_is_no_new_catalog) {
  Publisher publisher(loop_.get_executor(), file());
  v1::Catalog first = catalog("a");
  first.mutable_providers(0)->mutable_listing()->mutable_fetch_time()->set_seconds(5);
  v1::Catalog second = catalog("a");
  second.mutable_providers(0)->mutable_listing()->mutable_fetch_time()->set_seconds(305);
  EXPECT_TRUE(*publisher.publish(first));
  EXPECT_FALSE(*publisher.publish(second));
}

TEST_F(PublisherTest, the_sequence_goes_on_after_a_restart) {
  std::string epoch;
  {
    Publisher publisher(loop_.get_executor(), file());
    ASSERT_TRUE(publisher.publish(catalog("a")).has_value());
    ASSERT_TRUE(publisher.publish(catalog("b")).has_value());
    epoch = publisher.revision().epoch();
  }
  {
    Publisher publisher(loop_.get_executor(), file());
    EXPECT_TRUE(*publisher.publish(catalog("b")));
    EXPECT_EQ(publisher.revision().number(), 2U) << "the same catalog keeps its number";
    EXPECT_EQ(publisher.revision().epoch(), epoch);
  }
  Publisher publisher(loop_.get_executor(), file());
  EXPECT_TRUE(*publisher.publish(catalog("c")));
  EXPECT_EQ(publisher.revision().number(), 3U);
}

TEST_F(PublisherTest, a_number_that_cannot_be_read_or_kept_begins_a_new_epoch) {
  std::string epoch;
  {
    Publisher publisher(loop_.get_executor(), file());
    ASSERT_TRUE(publisher.publish(catalog("a")).has_value());
    epoch = publisher.revision().epoch();
  }
  std::ofstream(file()) << "{\"epoch\": 5";
  {
    Publisher publisher(loop_.get_executor(), file());
    ASSERT_TRUE(publisher.publish(catalog("b")).has_value());
    EXPECT_NE(publisher.revision().epoch(), epoch);
  }
  Publisher lost(loop_.get_executor(), directory_ / "no such directory" / "revision.json");
  ASSERT_TRUE(lost.publish(catalog("a")).has_value());
  const std::string first = lost.revision().epoch();
  ASSERT_TRUE(lost.publish(catalog("b")).has_value());
  EXPECT_NE(lost.revision().epoch(), first);
}

TEST_F(PublisherTest, a_catalog_that_does_not_hold_together_leaves_the_present_one) {
  Publisher publisher(loop_.get_executor(), file());
  ASSERT_TRUE(publisher.publish(catalog("a")).has_value());
  v1::Catalog broken = catalog("b");
  broken.add_models()->set_provider_id("nobody");
  EXPECT_FALSE(publisher.publish(broken).has_value());
  EXPECT_EQ(publisher.present()->providers(0).id(), "a");
  EXPECT_EQ(publisher.revision().number(), 1U);
}

}  // namespace
}  // namespace maestro::registry
