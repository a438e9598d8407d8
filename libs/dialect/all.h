// The table of the dialects. A new one is a folder and a line in all.cpp.
#pragma once

#include "chat/dialect_id.h"
#include "dialect/dialect.h"

namespace maestro::dialect {

// nullptr: the house does not speak this dialect on that side.
const ClientDialect* client(chat::DialectId id);
const ProviderDialect* provider(chat::DialectId id);

}  // namespace maestro::dialect
