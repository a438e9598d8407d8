// Builds a catalog out of what is known: files, model lists, what auth leases. Pure: the same sources give the same
// catalog. Revision and build time are the publisher's (publisher.h).
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "maestro/auth/v1/lease_service.pb.h"
#include "maestro/registry/v1/catalog.pb.h"
#include "maestro/registry/v1/registry_service.pb.h"
#include "registry/model_list.h"
#include "registry/providers_file.h"

namespace maestro::registry {

// When the provider "demo" is there. `automatic`: while nothing else can answer.
enum class Demo { off, on, automatic };

// What auth has said of credentials, without any secret.
struct CredentialView {
  bool known = false;                                        // auth has spoken since this program started
  std::set<std::string, std::less<>> leased;                 // providers with a lease
  std::set<std::string, std::less<>> anonymous;              // of these, those whose lease has no credential in it
  std::map<std::string, std::string, std::less<>> problems;  // of providers with a credential; may be empty texts
};

struct CatalogSources {
  const ProvidersFile& providers;
  const pb::Config& config;  // complete
  const std::map<std::string, ModelList, std::less<>>& lists;
  const CredentialView& credentials;
  std::string_view openai_base_url;
  Demo demo = Demo::off;
};

struct BuiltCatalog {
  pb::Catalog catalog;
  std::vector<pb::ProviderView> views;  // in load order, refused entries in their places
};

BuiltCatalog build_catalog(const CatalogSources& sources);

// Where `/models` is asked: providers whose models are not written in a file, in order.
struct ListSource {
  std::string provider_id;
  std::string base_url;
  ListFilter filter = ListFilter::all;
};
std::vector<ListSource> list_sources(const ProvidersFile& providers, std::string_view openai_base_url);

// How each provider wants its credential, for auth.
std::vector<auth::v1::ProviderAuth> provider_auths(const ProvidersFile& providers, std::string_view openai_base_url);

// "MY_PROVIDER_API_KEY", from the entry or by the rule for ids; empty: no name can be made of the id.
std::string key_variable(const pb::ProviderEntry& entry);

}  // namespace maestro::registry
