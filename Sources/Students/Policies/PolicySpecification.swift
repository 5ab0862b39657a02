import Differentiation
import Documents
import Operations
import TensorCore

/// How window and memory become one output, as a recipe describes it.
public protocol PolicySpecification: Sendable {
  /// What recipes call it.
  static var name: String { get }
  /// One line for `linearize list`.
  static var summary: String { get }
  /// The keys that a memory reads unless the recipe says otherwise.
  static var usualKeys: MemoryKeys { get }

  /// Reads the policy's own keys of the recipe's `policy` object.
  init(_ reader: DocumentReader)

  /// A fresh policy of one layer.
  func makePolicy(_ attention: AttentionShape) -> any BranchPolicy
}

/// A policy that counts every key once, in units of both branches: it needs the sums of the memory's
/// weights, and a memory of older keys alone.
public protocol ExactPolicySpecification: PolicySpecification {}

/// The keys that a memory reads, as recipes say it.
public enum MemoryKeys: String, Sendable, CaseIterable {
  /// Those that have left the window, sinks apart: window and memory share no key.
  case older
  case all
}

/// A policy of one layer whose output is a sum of the branches' with weights that do not depend on
/// values, so that beside a memory with attention weights the layer has such.
public protocol WeighingPolicy: BranchPolicy {}

/// A policy of one layer.
public protocol BranchPolicy: AnyObject {
  /// Everything trained, named as checkpoints name it below `self_attn.`.
  var parameters: [Parameter] { get }

  /// What joining costs a token, dividing window and memory by their sums of weights included.
  ///
  /// - Parameter memorySaysSums: see `MemoryBranch.saysSums`.
  func cost(_ attention: AttentionShape, memorySaysSums: Bool) -> MixerCost

  /// The outputs of the layer's heads, `[tokens, queryHeads * headDim]`, zero on padding.
  func join(_ input: JoinInput, on tape: Tape) -> Variable
}

/// What a policy joins.
public struct JoinInput {
  /// With positions, `[tokens, queryHeads * headDim]`.
  public let queries: Variable
  /// Which rows belong together.
  public let layout: SequenceLayout
  /// Tokens of the sequence before the layout's first.
  public let position: Int
  /// Heads of the layer.
  public let attention: AttentionShape
  /// Sums of the softmax window.
  public let window: BranchVariables
  /// What the memory says.
  public let memory: MemoryReading
  /// The keys that the memory reads.
  public let keys: BranchKeys

  /// The window's output by itself, and the memory's.
  func windowOutput(on tape: Tape) -> Variable { tape.branchQuotient(window) }
  func memoryOutput(on tape: Tape) -> Variable { memory.output(on: tape) }

  /// `share` for tokens and heads whose memory holds a key, 0 for the others: what holds nothing has
  /// no say. `[tokens, queryHeads]`.
  func share(_ share: Float) -> Tensor {
    keys.shares(share, layout: layout, position: position, heads: attention.queryHeads)
  }
}

extension MixerCost {
  /// Of `JoinInput.windowOutput` and `memoryOutput`.
  static func outputs(_ attention: AttentionShape, memorySaysSums: Bool) -> MixerCost {
    .quotient(attention)
      + (memorySaysSums ? .quotient(attention) + .kept(attention.queryHeads) : MixerCost())
  }

  /// Of `Tape.mix`: what is mixed is kept, and two shares a head. Quotients are kept by themselves.
  static func mix(_ attention: AttentionShape, memorySaysSums: Bool) -> MixerCost {
    .outputs(attention, memorySaysSums: memorySaysSums)
      + .kept((memorySaysSums ? 0 : attention.queryWidth) + 2 * attention.queryHeads)
  }
}

extension BranchKeys {
  /// `share` for tokens that have such a key, 0 for the others and padding, `[tokens, heads]`.
  ///
  /// - Parameter position: tokens of the sequence before the layout's first.
  func shares(_ share: Float, layout: SequenceLayout, position: Int, heads: Int) -> Tensor {
    var shares = [Float](repeating: 0, count: layout.rows * heads)
    for segment in layout.segments {
      for offset in 0..<segment.count where holdsAny(before: position + offset) {
        for head in 0..<heads { shares[(segment.start + offset) * heads + head] = share }
      }
    }
    return Tensor(shares, [layout.rows, heads])
  }
}

extension Tape {
  /// `(1 − share) left + share right`, head by head; `share` is `[tokens, heads]`.
  func mix(_ left: Variable, _ right: Variable, share: Variable, heads: Int) -> Variable {
    add(
      scaleHeads(left, by: affine(share, scale: -1, offset: 1), heads: heads),
      scaleHeads(right, by: share, heads: heads))
  }
}
