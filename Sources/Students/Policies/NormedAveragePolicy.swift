import Differentiation
import Documents
import Operations
import TensorCore

/// `y = (1 − s) RMS(y_w) ⊙ w_w + s RMS(y_l) ⊙ w_l`, every head normalised by itself, so that window
/// and memory count alike whatever their size (SSE with a window, NAtS-L). Weights `w` start at 1;
/// the share `s` is ½, or `σ` of one trained number a head, 0 at the start. Where the memory holds
/// nothing yet, `s = 0`.
public struct NormedAveragePolicy: PolicySpecification {
  public static let name = "normed-average"
  public static let summary =
    "outputs of window and memory, each normalised, half and half (SSE-SWA)"
  public static let usualKeys = MemoryKeys.all
  private let trainsShare: Bool

  public init(_ reader: DocumentReader) {
    trainsShare = reader.boolean(
      "trainShare", default: false, "Train how much of every head is the memory's; else it is half")
  }

  public func makePolicy(_ attention: AttentionShape) -> any BranchPolicy {
    NormedAverage(attention, trainsShare: trainsShare)
  }
}

private final class NormedAverage: BranchPolicy {
  private let windowNorm, memoryNorm: Parameter
  private let share: Parameter?
  private let headDim: Int

  init(_ attention: AttentionShape, trainsShare: Bool) {
    let ones = Tensor(repeating: 1, [attention.queryWidth])
    windowNorm = Parameter(name: "window_norm", value: ones)
    memoryNorm = Parameter(name: "memory_norm", value: ones)
    share =
      trainsShare
      ? Parameter(name: "memory_share", value: Tensor(zeros: [1, attention.queryHeads, 1, 1])) : nil
    headDim = attention.headDim
  }

  var parameters: [Parameter] { [windowNorm, memoryNorm] + [share].compactMap { $0 } }

  func cost(_ attention: AttentionShape, memorySaysSums: Bool) -> MixerCost {
    // One of each branch, and what is mixed are the normed and weighted outputs.
    let norms = 2 * (2 * attention.queryWidth + attention.queryHeads)
    return .mix(attention, memorySaysSums: memorySaysSums) + .kept(norms)
      + .kept(share == nil ? 0 : attention.queryHeads)
  }

  func join(_ input: JoinInput, on tape: Tape) -> Variable {
    let heads = input.attention.queryHeads
    let shares =
      share.map {
        tape.scaleHeads(
          tape.constant(input.share(1)),
          by: tape.pointwise(tape.parameter($0), .sigmoid), heads: heads)
      } ?? tape.constant(input.share(0.5))
    return tape.mix(
      normed(input.windowOutput(on: tape), windowNorm, on: tape),
      normed(input.memoryOutput(on: tape), memoryNorm, on: tape),
      share: shares, heads: heads)
  }

  private func normed(_ x: Variable, _ weight: Parameter, on tape: Tape) -> Variable {
    let ones = tape.constant(Tensor(repeating: 1, [headDim]))
    return tape.scaleChannels(
      tape.rmsNorm(x, weight: ones, epsilon: 1e-6), by: tape.parameter(weight))
  }
}
