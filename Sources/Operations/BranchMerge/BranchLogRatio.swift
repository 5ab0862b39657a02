import Foundation
import TensorCore

/// Where a memory has no key, its weights are 0; their logarithm is that of this.
private let leastSum: Float = 1e-30

/// The logit of the memory's share of `mergedBranches`, `z = log (f e^{m_l} D_l) − log (e^{m_w} D_w)`
/// in absolute units and `log (f D_l) − log D_w` in those of LoLCATs, `[tokens, heads]`.
///
/// - Parameter logRatios: `log f`, one a head.
public func branchLogRatio(
  window: AttentionBranch, memory: AttentionBranch, logRatios: Tensor, units: BranchUnits
) -> Tensor {
  let heads = logRatios.count
  var result = Tensor(uninitialized: window.denominators.shape)
  let slots = result.count
  precondition(
    memory.denominators.count == slots && slots % heads == 0,
    "window \(window.denominators.shape), memory \(memory.denominators.shape), \(heads) heads")
  let scale: Float = units == .absolute ? 1 : 0
  withPointers(
    writing(&result), window.denominators, memory.denominators, window.logScales,
    memory.logScales, logRatios
  ) { result, windowSums, memorySums, windowScales, memoryScales, ratios in
    for slot in 0..<slots {
      result[slot] =
        ratios[slot % heads] + logf(max(memorySums[slot], leastSum))
        - logf(max(windowSums[slot], leastSum))
        + scale * (memoryScales[slot] - windowScales[slot])
    }
  }
  return result
}

/// Gradients of `branchLogRatio` for denominators and log ratios. Those through the log scales are left
/// out in absolute units and 0 in LoLCATs', as of `mergedBranchesGradients`.
public func branchLogRatioGradients(
  _ gradient: Tensor, window: AttentionBranch, memory: AttentionBranch, logRatios: Tensor
) -> (window: Tensor, memory: Tensor, logRatios: Tensor) {
  let slots = gradient.count
  var (windowGradient, memoryGradient) = (
    Tensor(uninitialized: gradient.shape), Tensor(uninitialized: gradient.shape)
  )
  withPointers(
    writing(&windowGradient), writing(&memoryGradient), gradient, window.denominators,
    memory.denominators
  ) { dWindow, dMemory, gradient, windowSums, memorySums in
    for slot in 0..<slots {
      dWindow[slot] = windowSums[slot] > leastSum ? -gradient[slot] / windowSums[slot] : 0
      dMemory[slot] = memorySums[slot] > leastSum ? gradient[slot] / memorySums[slot] : 0
    }
  }
  return (
    windowGradient, memoryGradient,
    columnSums(gradient, width: logRatios.count).reshaped(logRatios.shape)
  )
}
