import CVectorKernels
import Foundation
import TensorCore

/// In what units two branches share their denominator.
public enum BranchUnits: String, Sendable, CaseIterable {
  /// The code of LoLCATs (arXiv 2410.10254): numerators and denominators are added as they are,
  /// so that the memory's weights count in units of the window's largest.
  case rowMax
  /// Every weight for what it is, `e^m N` and `e^m D`: where the memory's weights are those of the
  /// softmax, the result is one softmax over all keys.
  case absolute
}

/// What the backward pass needs of `mergedBranches`: the output is
/// `windowWeights · N_window + memoryWeights · N_memory`, `[tokens, heads]` each.
public struct BranchMergeWeights: Sendable {
  /// What multiplies the window's numerator.
  public fileprivate(set) var window: Tensor
  /// What multiplies the memory's numerator.
  public fileprivate(set) var memory: Tensor
}

/// Window and memory under one denominator, for branches over disjoint keys: per token and head, with
/// `f = e^{logRatio}`,
///
///     y = (e^{m_w} N_w + f e^{m_l} N_l) / (e^{m_w} D_w + f e^{m_l} D_l)     absolute
///     y = (N_w + f N_l) / (D_w + f D_l)                                     rowMax
///
/// Only the ratio of the two branches' factors counts, since a common one cancels: LoLCATs' γ on the
/// window and λ on the memory are `f = λ/γ`. The scales are taken relative to the branch that
/// weighs more, `max(m + log D)`, so that nothing overflows and an empty memory says nothing.
///
/// - Parameters:
///   - window: softmax; its denominators are at least 1 but on padding.
///   - memory: denominators that are 0 where it holds nothing, and not negative.
///   - logRatios: one a head.
/// - Returns: `[tokens, heads * valueDim]`, zeros on padding, and what the gradients need.
public func mergedBranches(
  window: AttentionBranch, memory: AttentionBranch, logRatios: Tensor, units: BranchUnits
) -> (output: Tensor, weights: BranchMergeWeights) {
  let heads = logRatios.count
  let slots = window.denominators.count
  precondition(
    slots % heads == 0 && memory.denominators.count == slots
      && memory.numerators.shape == window.numerators.shape,
    "window \(window.numerators.shape), memory \(memory.numerators.shape), \(heads) heads")
  let d = slots == 0 ? 0 : window.numerators.count / slots
  var weights = BranchMergeWeights(
    window: Tensor(uninitialized: window.denominators.shape),
    memory: Tensor(uninitialized: window.denominators.shape))
  let ratios = logRatios.elements
  withPointers(
    writing(&weights.window), writing(&weights.memory), window.denominators, memory.denominators,
    window.logScales, memory.logScales
  ) { windowWeights, memoryWeights, windowSums, memorySums, windowScales, memoryScales in
    for slot in 0..<slots {
      (windowWeights[slot], memoryWeights[slot]) = mergeWeights(
        window: (windowSums[slot], units == .absolute ? windowScales[slot] : 0),
        memory: (memorySums[slot], units == .absolute ? memoryScales[slot] : 0),
        logRatio: ratios[slot % heads], isRelative: units == .absolute)
    }
  }
  var output = Tensor(uninitialized: window.numerators.shape)
  withPointers(
    writing(&output), window.numerators, memory.numerators, weights.window, weights.memory
  ) { output, windowSums, memorySums, windowWeights, memoryWeights in
    WorkerPool.shared.parallelRanges(slots, minimum: 256) { range in
      for slot in range {
        let line = output + slot * d
        vk_scale(windowSums + slot * d, line, windowWeights[slot], d)
        vk_add_scaled(line, memorySums + slot * d, memoryWeights[slot], d)
      }
    }
  }
  return (output, weights)
}

/// What the numerators of one token and head are multiplied with; see `mergedBranches`.
private func mergeWeights(
  window: (sum: Float, scale: Float), memory: (sum: Float, scale: Float), logRatio: Float,
  isRelative: Bool
) -> (window: Float, memory: Float) {
  let memoryScale = memory.scale + logRatio
  var largest: Float = 0
  if isRelative {
    largest = -.infinity
    if window.sum > 0 { largest = max(largest, window.scale + logf(window.sum)) }
    if memory.sum > 0 { largest = max(largest, memoryScale + logf(memory.sum)) }
    // Padding: neither says anything.
    if largest == -.infinity { return (0, 0) }
  }
  let windowFactor = expf(window.scale - largest)
  let memoryFactor = expf(memoryScale - largest)
  let total = windowFactor * window.sum + memoryFactor * memory.sum
  return total == 0 ? (0, 0) : (windowFactor / total, memoryFactor / total)
}

/// Gradients of `mergedBranches`: with `a` a branch's weight, `dN = a dy`, `dD = −a (dy·y)`, and of
/// the log ratio the sum of `a_l (dy·N_l − dy·y D_l)`.
///
/// In absolute units those through the log scales cancel and are left out; in LoLCATs' the window's
/// scale counts and has no gradient of its own, so that zeros say so (`AttentionBranchGradients`).
public func mergedBranchesGradients(
  _ gradient: Tensor, memory: AttentionBranch, output: Tensor, weights: BranchMergeWeights,
  logRatios: Tensor, units: BranchUnits
) -> (window: AttentionBranchGradients, memory: AttentionBranchGradients, logRatios: Tensor) {
  let heads = logRatios.count
  let perHead = weights.window.shape
  let slots = weights.window.count
  let d = slots == 0 ? 0 : output.count / slots
  precondition(gradient.shape == output.shape, "\(gradient.shape) for \(output.shape)")
  var window = AttentionBranchGradients(
    numerators: scaledHeads(gradient, by: weights.window, heads: perHead[-1]),
    denominators: Tensor(uninitialized: perHead),
    logScales: units == .absolute ? nil : Tensor(zeros: perHead))
  var memoryGradients = AttentionBranchGradients(
    numerators: scaledHeads(gradient, by: weights.memory, heads: perHead[-1]),
    denominators: Tensor(uninitialized: perHead))
  var ratios = Tensor(uninitialized: perHead)
  withPointers(
    writing(&window.denominators), writing(&memoryGradients.denominators), writing(&ratios),
    gradient, output, memory.numerators, memory.denominators, weights.window, weights.memory
  ) { dWindow, dMemory, dRatio, dY, y, numerators, denominators, windowWeights, memoryWeights in
    WorkerPool.shared.parallelRanges(slots, minimum: 256) { range in
      for slot in range {
        let offset = slot * d
        let share = vk_dot(dY + offset, y + offset, d)
        dWindow[slot] = -windowWeights[slot] * share
        dMemory[slot] = -memoryWeights[slot] * share
        dRatio[slot] =
          memoryWeights[slot]
          * (vk_dot(dY + offset, numerators + offset, d) - share * denominators[slot])
      }
    }
  }
  return (window, memoryGradients, columnSums(ratios, width: heads).reshaped(logRatios.shape))
}
