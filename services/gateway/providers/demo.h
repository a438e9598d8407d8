// The built-in provider "demo": answers without a network and a credential, so that a first request works before
// anything is configured. It repeats what it was told, and says so; when tools are offered and the prompt names one (or
// asks for a tool), it calls it; a tool's result it repeats as well. Counts are its own: one token for four characters.
#pragma once

#include <memory>
#include <string_view>

#include "chat/request.h"
#include "gateway/chat/open_reply.h"

namespace maestro::gateway {

inline constexpr std::string_view demo_adapter = "demo";

std::unique_ptr<EventSource> make_demo(chat::Request request);

}  // namespace maestro::gateway
