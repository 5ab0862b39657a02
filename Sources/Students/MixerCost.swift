/// What a mixer costs a token of a sequence, beside the layer's own projections. Parts of a mixer say
/// it of themselves, and what is made of them adds it up.
public struct MixerCost: Sendable, Equatable {
  /// Floating-point operations of the forward pass, those of its products: a multiplication and the
  /// addition of what it gives are two.
  public var operations: Double
  /// Numbers that a recording tape keeps until the backward pass, beside the inputs that the mixer is
  /// given, where everything before it and in it is trained.
  public var keptElements: Double

  /// Operations of the backward pass for one of the forward pass: every product has a gradient for
  /// either factor.
  public static let backwardFactor = 2.0

  /// Nothing unless said otherwise.
  public init(operations: Double = 0, keptElements: Double = 0) {
    self.operations = operations
    self.keptElements = keptElements
  }

  /// Of matrices or maps that act on `inputs` numbers and give `outputs`.
  static func product(_ inputs: Int, _ outputs: Int) -> MixerCost {
    MixerCost(operations: 2 * Double(inputs * outputs))
  }

  /// Of numbers that a gradient needs.
  static func kept(_ elements: Int) -> MixerCost { MixerCost(keptElements: Double(elements)) }

  /// Both, one after the other.
  public static func + (left: MixerCost, right: MixerCost) -> MixerCost {
    MixerCost(
      operations: left.operations + right.operations,
      keptElements: left.keptElements + right.keptElements)
  }

  /// Adds what comes after.
  public static func += (left: inout MixerCost, right: MixerCost) { left = left + right }
}
