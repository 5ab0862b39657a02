import Documents
import TensorCore

/// How one matrix of bitsandbytes' four bits was packed, as its `quant_state` tells it in JSON.
private struct FourBitState {
  let shape: [Int]
  /// Elements that share a scale.
  let blockSize: Int
  /// The type that its floats are rounded to when they are unpacked there.
  let type: String
  /// Of scales that are packed themselves: how many share a scale of theirs, and what is added.
  let nested: (blockSize: Int, offset: Float)?

  init?(_ document: JSONValue) {
    guard let shape = document["shape"]?.arrayValue?.map({ $0.intValue ?? 0 }), shape.count == 2,
      shape.allSatisfy({ $0 > 0 }), let blockSize = document["blocksize"]?.intValue, blockSize > 0,
      let type = document["dtype"]?.stringValue
    else { return nil }
    self.shape = shape
    self.blockSize = blockSize
    self.type = type
    if let size = document["nested_blocksize"]?.intValue, size > 0,
      let offset = document["nested_offset"]?.doubleValue
    {
      nested = (size, Float(offset))
    } else {
      nested = nil
    }
  }
}

// bitsandbytes: a table of 16 numbers, of which every element names one, times a scale for a block of
// elements (QLoRA, arXiv 2305.14314); or integers of eight bits times a scale for a row (LLM.int8(),
// arXiv 2208.07339), whose products of integers are products of floats here.
extension QuantizedCheckpoint {
  private static let states = [".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"]
  private static let parts = [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"]

  func bitsAndBytesWeights(_ tensors: PackedTensors) throws(CheckpointError) -> Unpacked {
    var unpacked = Unpacked()
    for name in tensors.names {
      if let state = Self.states.first(where: name.hasSuffix) {
        let weight = String(name.dropLast(state.count))
        unpacked.weights[weight] = try withExtendedLifetime(tensors) {
          () throws(CheckpointError) -> StoredTensor in
          try fourBitWeight(weight, state: name, tensors)
        }
        tensors.release(weight)
        unpacked.sources.formUnion([name, weight] + Self.parts.map { weight + $0 })
      } else if name.hasSuffix(".SCB") {
        let layer = String(name.dropLast(".SCB".count))
        let weight = "\(layer).weight"
        unpacked.weights[weight] = try withExtendedLifetime(tensors) {
          () throws(CheckpointError) -> StoredTensor in
          try eightBitWeight(weight, scales: name, tensors)
        }
        tensors.release(weight)
        unpacked.sources.formUnion([name, weight, "\(layer).weight_format"])
      }
    }
    return unpacked
  }

  // MARK: Four bits

  private func fourBitWeight(
    _ name: String, state stateName: String, _ tensors: PackedTensors
  ) throws(CheckpointError) -> StoredTensor {
    let state = try state(stateName, tensors)
    let count = state.shape[0] * state.shape[1]
    let half = (count + 1) / 2
    let bytes = try tensors.bytes(name, "U8", [half, 1])
    let table = try numbers("\(name).quant_map", 16, tensors)
    let scales = try scales(name, (count - 1) / state.blockSize + 1, state.nested, tensors)
    let (rows, columns) = (state.shape[0], state.shape[1])
    let round = try rounding(state.type, stateName)
    return Self.unpacked(rows: rows, columns: columns) { row, floats in
      for column in 0..<columns {
        let place = row * columns + column
        // The upper four bits come first.
        let byte = bytes[place >> 1]
        let number = table[Int(place & 1 == 0 ? byte >> 4 : byte & 15)]
        floats[column] = round(number * scales[place / state.blockSize])
      }
    }
  }

  private func state(
    _ name: String, _ tensors: PackedTensors
  ) throws(CheckpointError) -> FourBitState {
    let text = try tensors.bytes(name, "U8", tensors.shape(name))
    let document: JSONValue
    do {
      document = try JSONValue(parsing: Array(text))
    } catch {
      throw mistake(name, found: "no JSON (\(error))", expected: "its shape, blocksize and dtype")
    }
    guard let state = FourBitState(document) else {
      throw mistake(
        name, found: String(document.compact.prefix(200)),
        expected: "its shape, blocksize and dtype")
    }
    return state
  }

  /// A scale for each block of elements; packed ones are numbers of a table times a scale of theirs.
  private func scales(
    _ weight: String, _ count: Int, _ nested: (blockSize: Int, offset: Float)?,
    _ tensors: PackedTensors
  ) throws(CheckpointError) -> [Float] {
    let name = "\(weight).absmax"
    guard let nested else { return try numbers(name, count, tensors) }
    let bytes = try tensors.bytes(name, "U8", [count])
    let table = try numbers("\(weight).nested_quant_map", 256, tensors)
    let outer = try numbers(
      "\(weight).nested_absmax", (count - 1) / nested.blockSize + 1, tensors)
    return (0..<count).map { table[Int(bytes[$0])] * outer[$0 / nested.blockSize] + nested.offset }
  }

  private func numbers(
    _ name: String, _ count: Int, _ tensors: PackedTensors
  ) throws(CheckpointError) -> [Float] {
    let stored = try tensors.floats(name)
    guard stored.shape == [count] else {
      throw mistake(name, found: "\(stored.shape)", expected: "[\(count)]")
    }
    return stored.numbers
  }

  /// What is multiplied with there are floats of the type that was packed.
  private func rounding(
    _ type: String, _ name: String
  ) throws(CheckpointError) -> @Sendable (Float) -> Float {
    switch type {
    case "float32": return { $0 }
    case "bfloat16": return { Float(bitPattern: UInt32(bfloat16Bits($0)) << 16) }
    case "float16": return { float16Value(float16Bits($0)) }
    default:
      throw mistake(
        name, found: "the dtype \(type)", expected: "float32, float16 or bfloat16")
    }
  }

  // MARK: Eight bits

  private func eightBitWeight(
    _ name: String, scales scaleName: String, _ tensors: PackedTensors
  ) throws(CheckpointError) -> StoredTensor {
    let (rows, columns) = try tensors.matrix(name)
    let bytes = try tensors.bytes(name, "I8", [rows, columns])
    let format = "\(name)_format"
    // Rows as they are; other orders are those of processors that multiply them.
    if tensors.has(format), try tensors.bytes(format, "U8", []).first != 0 {
      throw mistake(format, found: "another order of elements", expected: "rows, 0")
    }
    let scales = try numbers(scaleName, rows, tensors)
    return Self.unpacked(rows: rows, columns: columns) { row, floats in
      // As bitsandbytes rounds it.
      for column in 0..<columns {
        let integer = Int8(bitPattern: bytes[row * columns + column])
        floats[column] = Float(integer) * scales[row] * Self.unit
      }
    }
  }

  /// 1 / 127.
  private static let unit = Float(7.874015718698502e-3)
}
