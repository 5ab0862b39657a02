import TensorCore

// Floats of eight bits times scales. Activations stay floats of 32 bits: what a server rounds them to
// with is not needed.
extension QuantizedCheckpoint {
  /// The 256 numbers of F8_E4M3: four bits of exponent, three of mantissa, no infinity.
  private static let numbers: [Float] = (0..<256).map { byte in
    let exponent = byte >> 3 & 15
    let mantissa = Float(byte & 7) / 8
    let magnitude: Float
    if byte & 127 == 127 {
      magnitude = .nan
    } else if exponent == 0 {
      magnitude = mantissa * 0x1p-6
    } else {
      magnitude = Float(sign: .plus, exponent: exponent - 7, significand: 1 + mantissa)
    }
    return byte < 128 ? magnitude : -magnitude
  }

  func float8Weights(_ tensors: PackedTensors) throws(CheckpointError) -> Unpacked {
    var unpacked = Unpacked()
    for name in tensors.names where tensors.type(name) == "F8_E4M3" {
      // Both are multiplied with, whatever the first is called.
      let scales = tensors.has("\(name)_scale_inv") ? "\(name)_scale_inv" : "\(name)_scale"
      unpacked.weights[name] = try withExtendedLifetime(tensors) {
        () throws(CheckpointError) -> StoredTensor in
        try float8Weight(name, scales: scales, tensors)
      }
      tensors.release(name)
      let layer = name.hasSuffix(".weight") ? String(name.dropLast(7)) : name
      unpacked.sources.formUnion([
        name, scales, "\(layer).input_scale", "\(layer).activation_scale",
      ])
    }
    return unpacked
  }

  private func float8Weight(
    _ name: String, scales scaleName: String, _ tensors: PackedTensors
  ) throws(CheckpointError) -> StoredTensor {
    let (rows, columns) = try tensors.matrix(name)
    let bytes = try tensors.bytes(name, "F8_E4M3", [rows, columns])
    let scales = try tensors.floats(scaleName)
    let block = try block(scales.shape, scaleName, rows: rows, columns: columns)
    let numbers = Self.numbers
    let factors = scales.numbers
    let factorsOfRow = (columns - 1) / block.columns + 1
    return Self.unpacked(rows: rows, columns: columns) { row, floats in
      for part in 0..<factorsOfRow {
        let factor = factors[row / block.rows * factorsOfRow + part]
        let start = part * block.columns
        for column in start..<min(columns, start + block.columns) {
          floats[column] = numbers[Int(bytes[row * columns + column])] * factor
        }
      }
    }
  }

  /// What of a matrix shares a scale: blocks where the settings say so, all, or a row.
  private func block(
    _ shape: [Int], _ name: String, rows: Int, columns: Int
  ) throws(CheckpointError) -> (rows: Int, columns: Int) {
    if let size = settings["weight_block_size"].flatMap(Self.blockSize) {
      let expected = [(rows - 1) / size.rows + 1, (columns - 1) / size.columns + 1]
      guard shape == expected else {
        throw mistake(name, found: "\(shape)", expected: "\(expected)")
      }
      return size
    }
    if shape.allSatisfy({ $0 == 1 }) { return (rows, columns) }
    guard shape == [rows] || shape == [rows, 1] else {
      throw mistake(name, found: "\(shape)", expected: "one scale, or one for each of \(rows) rows")
    }
    return (1, columns)
  }
}
