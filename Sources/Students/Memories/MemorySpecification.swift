import Differentiation
import Documents
import Operations
import TensorCore

/// What becomes of the keys that softmax does not read, as a recipe describes it.
public protocol MemorySpecification: Sendable {
  /// What recipes call it.
  static var name: String { get }
  /// One line for `linearize list`.
  static var summary: String { get }

  /// Reads the memory's own keys of the recipe's `memory` object.
  init(_ reader: DocumentReader)

  /// Why this memory cannot stand on a layer; one sentence a reason.
  func conflicts(with geometry: LayerGeometry) -> [String]

  /// Tokens that a sequence may have; nil: any number.
  var maximumLength: Int? { get }

  /// A student that has this memory of all keys and no window.
  func makeMixer(_ geometry: LayerGeometry, seed: UInt64) -> any TokenMixer

  /// The memory as the branch of a layer.
  ///
  /// - Parameter keys: those it reads.
  func makeBranch(_ geometry: LayerGeometry, keys: BranchKeys, seed: UInt64) -> any MemoryBranch
}

/// A memory whose outputs are sums of values divided by the sums of their weights, so that it can
/// share a denominator with a window, and whose sums can leave out the keys of any window.
public protocol NormalizedMemorySpecification: MemorySpecification {}

/// A memory of one layer.
public protocol MemoryBranch: AnyObject {
  /// Everything trained, named as checkpoints name it below `self_attn.`.
  var parameters: [Parameter] { get }

  /// As of `TokenMixer`.
  var constants: [(name: String, value: Tensor)] { get }

  /// Tokens that a sequence may have; nil: any number.
  var maximumLength: Int? { get }

  /// What it says of every token of the input.
  ///
  /// - Parameter memory: as in `TokenMixer.forward`, but that its position is left to the caller.
  func read(_ input: MixerInput, memory: inout Memory?, on tape: Tape) -> MemoryReading

  /// Whether it says sums (`MemoryReading.branch`), not yet divided.
  var saysSums: Bool { get }

  /// What a token costs in a sequence of so many.
  func cost(length: Int) -> MixerCost

  /// Adds what it remembers of an empty past to the memory of its layer.
  func add(to memory: inout Memory)
}

extension MemoryBranch {
  public var constants: [(name: String, value: Tensor)] { [] }
}

/// A memory of the keys that leave a window, which can read that window along with them: a key that
/// both know is then remembered once.
protocol WindowedMemoryBranch: MemoryBranch {
  /// What the window and the memory say of every token of the input.
  ///
  /// - Parameter softmax: the window that the memory's keys have left.
  func read(
    _ input: MixerInput, with softmax: SoftmaxBranch, memory: inout Memory?, on tape: Tape
  ) -> (window: BranchVariables, memory: MemoryReading)

  /// Adds what both remember of an empty past to the memory of their layer.
  func add(to memory: inout Memory, with softmax: SoftmaxBranch)
}

extension MixerCost {
  /// Of a branch divided by its sums of weights: the outputs are kept.
  static func quotient(_ attention: AttentionShape) -> MixerCost { .kept(attention.queryWidth) }
}

/// What a memory says.
public enum MemoryReading {
  /// Sums of values and of their weights, not yet divided.
  case branch(BranchVariables)
  /// Outputs, `[tokens, queryHeads * headDim]`, of a memory that has no sums of weights.
  case output(Variable)

  /// Outputs of the memory by itself, zero where it holds no key and on padding.
  func output(on tape: Tape) -> Variable {
    switch self {
    case .branch(let branch): tape.branchQuotient(branch)
    case .output(let output): output
    }
  }
}
