// Products with 16-bit and 4-bit weights, attention over the paged cache, the decode step made of them, and the
// drawing of ids from its logits.
//
// Everything is float32 outside of the weights. Matrices are row-major; a weight (N, K) is held as the
// checkpoint holds it, so nothing is laid out anew. Threads are OpenMP's, of the runtime that torch has loaded.

#include "vectors.h"

#include "products.h"

#include "tiles.h"

#include "int4.h"

#include "linear.h"

#include "attention.h"

#include "attention_panels.h"

#include "attention_tiles.h"

#include "step.h"

#include "sampling.h"

#if USE_AMX
#include <unistd.h>

// Whether this process may use tiles: Linux gives room for them to those that ask (ARCH_REQ_XCOMP_PERM).
int32_t LEVELLED(r1v_allowed)(void) {
#if defined(__linux__)
    enum { ARCH_PRCTL = 158, REQUEST = 0x1023, TILES = 18 };
    return syscall(ARCH_PRCTL, REQUEST, TILES) == 0;
#else
    return 0;
#endif
}
#endif
