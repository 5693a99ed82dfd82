// Products with 16-bit and 4-bit weights, attention over the paged cache, the decode step made of them, and the
// drawing of ids from its logits.
//
// Everything is float32 outside of the weights. Matrices are row-major; a weight (N, K) is held as the
// checkpoint holds it, so nothing is laid out anew. Threads are OpenMP's, of the runtime that torch has loaded.

#include "vectors.h"

#include "products.h"

#include "attention.h"

#include "step.h"

#include "sampling.h"
