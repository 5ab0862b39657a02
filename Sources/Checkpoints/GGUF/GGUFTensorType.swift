import TensorCore

/// What GGUF calls the element types of tensors, also those that are only ever listed.
struct GGUFTensorType: Sendable, Equatable {
  let name: String
  /// Elements of one block.
  let blockLength: Int
  /// Bytes of one block.
  let blockBytes: Int

  private init(_ name: String, _ blockLength: Int, _ blockBytes: Int) {
    self.name = name
    self.blockLength = blockLength
    self.blockBytes = blockBytes
  }

  /// `nil` for a type whose weights cannot be widened.
  var elementType: ElementType? { ElementType(rawValue: name) }

  /// `nil` for a number that stands for nothing here.
  init?(number: UInt32) {
    guard let type = Self.types[number] else { return nil }
    self = type
  }

  /// The number of a type of weights in the file.
  static func number(of type: ElementType) -> UInt32 {
    types.first { $0.value.name == type.rawValue }!.key
  }

  /// The number of a type in the file, its name and its block.
  static let types: [UInt32: GGUFTensorType] = [
    0: Self("F32", 1, 4), 1: Self("F16", 1, 2), 30: Self("BF16", 1, 2), 28: Self("F64", 1, 8),
    24: Self("I8", 1, 1), 25: Self("I16", 1, 2), 26: Self("I32", 1, 4), 27: Self("I64", 1, 8),
    2: Self("Q4_0", 32, 18), 3: Self("Q4_1", 32, 20), 6: Self("Q5_0", 32, 22),
    7: Self("Q5_1", 32, 24), 8: Self("Q8_0", 32, 34),
    10: Self("Q2_K", 256, 84), 11: Self("Q3_K", 256, 110), 12: Self("Q4_K", 256, 144),
    13: Self("Q5_K", 256, 176), 14: Self("Q6_K", 256, 210), 15: Self("Q8_K", 256, 292),
    16: Self("IQ2_XXS", 256, 66), 17: Self("IQ2_XS", 256, 74), 18: Self("IQ3_XXS", 256, 98),
    19: Self("IQ1_S", 256, 50), 20: Self("IQ4_NL", 32, 18), 21: Self("IQ3_S", 256, 110),
    22: Self("IQ2_S", 256, 82), 23: Self("IQ4_XS", 256, 136), 29: Self("IQ1_M", 256, 56),
    34: Self("TQ1_0", 256, 54), 35: Self("TQ2_0", 256, 66), 39: Self("MXFP4", 32, 17),
  ]
}
