// Which kernels OpenBLAS should use, decided before main. In C because nothing in Swift runs that
// early: OpenBLAS chooses when it is loaded and listens to the environment alone.
#pragma once

/// The kernels that OpenBLAS should use in place of `core`, or NULL where its own choice is right.
///
/// A release of OpenBLAS that does not know a processor falls back on the kernels of an old one,
/// Prescott's at worst, although the processor has all that faster kernels need. What it has
/// decides, not what it is called.
///
/// `requested` is the value of OPENBLAS_CORETYPE or NULL; an empty one asks for nothing, and what
/// was asked for is never replaced. `avoided` are kernels that computed wrongly here, between blanks,
/// or NULL. `processor_text` is what /proc/cpuinfo says.
const char *openblas_better_core(const char *core, const char *requested, const char *avoided,
                                 const char *processor_text);

/// Whether products of matrices with awkward sizes, plain and transposed, are those of plain loops.
int openblas_products_are_right(void);

/// The kernels that OpenBLAS chose by itself, where this program started over with others; NULL
/// where it did not.
const char *openblas_replaced_core(void);

/// Kernels that computed wrongly on this processor and were left, between blanks; NULL for none.
const char *openblas_wrong_cores(void);
