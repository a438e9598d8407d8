// <sys/pidfd.h> of glibc 2.36 does not say that its functions are C.
#pragma once

extern "C" {
#include <sys/pidfd.h>
}
