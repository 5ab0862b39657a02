import CVectorKernels

/// Types whose blocks of 32 elements are small integers times one factor, plus one offset in some:
/// what a product on tiles of bfloat16 takes as it is (TileProducts.h).
extension StoredTensor {
  /// Elements that share a factor.
  public static let factoredBlockLength = 32

  /// Whether the type has such blocks.
  public var isFactored: Bool { blockPacker != nil }

  /// Whether the type adds something to its blocks.
  public var hasBlockOffsets: Bool { offsetReader != nil }

  private typealias BlockPacker = (
    UnsafeRawPointer, Int, UnsafePointer<Int32>?, Int, Int, UnsafeMutablePointer<UInt16>,
    UnsafeMutablePointer<Float>
  ) -> Void
  private typealias OffsetReader = (
    UnsafeRawPointer, Int, UnsafePointer<Int32>?, Int, Int, UnsafeMutablePointer<Float>
  ) -> Void

  private var blockPacker: BlockPacker? {
    switch elementType {
    case .q8_0: pack_tile_blocks_q8_0
    case .q4_0: pack_tile_blocks_q4_0
    case .q4_1: pack_tile_blocks_q4_1
    case .q5_0: pack_tile_blocks_q5_0
    case .q5_1: pack_tile_blocks_q5_1
    case .q4_K: pack_tile_blocks_q4_k
    case .q5_K: pack_tile_blocks_q5_k
    case .iq4_NL: pack_tile_blocks_iq4_nl
    case .iq4_XS: pack_tile_blocks_iq4_xs
    case .float32, .float16, .bfloat16, .q2_K, .q3_K, .q6_K: nil
    }
  }

  private var offsetReader: OffsetReader? {
    switch elementType {
    case .q4_1: block_offsets_q4_1
    case .q5_1: block_offsets_q5_1
    case .q4_K: block_offsets_q4_k
    case .q5_K: block_offsets_q5_k
    case .float32, .float16, .bfloat16, .q8_0, .q4_0, .q5_0, .iq4_NL, .iq4_XS, .q2_K, .q3_K, .q6_K:
      nil
    }
  }

  /// Packs terms of some rows as lines of a product's right side.
  ///
  /// - Parameters:
  ///   - terms: elements of every row, from and to a multiple of the type's blocks.
  ///   - numbers: bfloat16s, `[rows.count rounded up to 32, terms.count]`.
  ///   - factors: `[rows.count rounded up to 32, terms.count / 32]` floats.
  /// - Precondition: the tensor `isFactored`.
  public func packTileBlocks(
    rows: Range<Int>, terms: Range<Int>, into numbers: UnsafeMutablePointer<UInt16>,
    factors: UnsafeMutablePointer<Float>
  ) {
    guard let blockPacker else {
      preconditionFailure("\(elementType.rawValue) has no factors of 32 elements")
    }
    withStoredRows(rows) { first, stride, order in
      blockPacker(
        first + elementType.bytes(of: terms.lowerBound), stride, order, rows.count, terms.count,
        numbers, factors)
    }
  }

  /// What is added to every block of some rows, `[rows.count, rowLength / 32]`.
  ///
  /// - Precondition: the type `hasBlockOffsets`.
  public func blockOffsets(_ rows: Range<Int>, into offsets: UnsafeMutablePointer<Float>) {
    guard let offsetReader else {
      preconditionFailure("\(elementType.rawValue) adds nothing to its blocks")
    }
    withStoredRows(rows) { first, stride, order in
      offsetReader(first, stride, order, rows.count, rowLength, offsets)
    }
  }
}
