import TensorCore

/// How eight integers of four bits lie in a word of 32.
private struct WordLayout {
  /// Inputs, and outputs, of which a word of the weights holds integers, as powers of two: their
  /// product is 8.
  let inputShift: Int
  let outputShift: Int
  /// For each of eight outputs, where in a word its integer lies, in units of four bits.
  let places: [Int]
  /// What is added to a zero point, modulo 16.
  let addend: UInt32

  /// A word of the weights has eight inputs of an output. The first version saved zero points
  /// less one.
  static func gptq(isFirstVersion: Bool) -> WordLayout {
    WordLayout(
      inputShift: 3, outputShift: 0, places: Array(0..<8), addend: isFirstVersion ? 1 : 0)
  }

  /// A word has eight outputs of an input, the even ones first.
  static let awq = WordLayout(
    inputShift: 0, outputShift: 3, places: [0, 4, 1, 5, 2, 6, 3, 7], addend: 0)
}

/// One layer's integers and what makes numbers of them.
private struct PackedLayer {
  let layout: WordLayout
  let inputs: Int
  let outputs: Int
  let words: UnsafeRawBufferPointer
  /// For each input the group of inputs that share scales and zero points.
  let groupOf: [Int]
  /// `[groups, outputs]`, as are the zero points.
  let scales: [Float]
  let zeros: [Float]

  /// One row of the layer's weights.
  func unpack(output: Int, into row: UnsafeMutablePointer<Float>) {
    let column = output >> layout.outputShift
    let columns = outputs >> layout.outputShift
    let place = layout.outputShift == 0 ? 0 : layout.places[output % 8]
    let inputMask = (1 << layout.inputShift) - 1
    for input in 0..<inputs {
      let shift = UInt32(4 * (place + (input & inputMask)))
      let integer = word(words, (input >> layout.inputShift) * columns + column) >> shift & 15
      let group = groupOf[input] * outputs + output
      row[input] = scales[group] * (Float(integer) - zeros[group])
    }
  }
}

@inline(__always)
private func word(_ words: UnsafeRawBufferPointer, _ index: Int) -> UInt32 {
  UInt32(littleEndian: words.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
}

// GPTQ and AWQ: integers of four bits, of which a group of inputs shares a scale and a zero point for
// each output: weight = scale * (integer - zero point).
extension QuantizedCheckpoint {
  private static let parts = [".qweight", ".qzeros", ".scales", ".g_idx"]

  private var layout: WordLayout {
    method == .awq
      ? .awq : .gptq(isFirstVersion: !Self.formatKeys.contains { settings[$0] == "gptq_v2" })
  }

  func integerWeights(_ tensors: PackedTensors) throws(CheckpointError) -> Unpacked {
    var unpacked = Unpacked()
    for name in tensors.names where name.hasSuffix(Self.parts[0]) {
      let layer = String(name.dropLast(Self.parts[0].count))
      let weight = "\(layer).weight"
      if tensors.has(weight) {
        throw mistake(weight, found: "it beside \(name)", expected: "one of them")
      }
      unpacked.weights[weight] = try withExtendedLifetime(tensors) {
        () throws(CheckpointError) -> StoredTensor in
        Self.floats(try packed(layer, tensors))
      }
      for part in Self.parts {
        unpacked.sources.insert(layer + part)
        tensors.release(layer + part)
      }
    }
    return unpacked
  }

  private func packed(
    _ layer: String, _ tensors: PackedTensors
  ) throws(CheckpointError) -> PackedLayer {
    let layout = layout
    let (wordRows, wordColumns) = try tensors.matrix("\(layer).qweight")
    let inputs = wordRows << layout.inputShift
    let outputs = wordColumns << layout.outputShift
    guard outputs % 8 == 0 else {
      throw mistake("\(layer).qweight", found: "\(outputs) outputs", expected: "a multiple of 8")
    }
    let size = settings["group_size"]?.intValue ?? 128
    let groupSize = size == -1 ? inputs : size
    let groups = (inputs - 1) / groupSize + 1
    let scales = try tensors.floats("\(layer).scales")
    guard scales.shape == [groups, outputs] else {
      throw mistake(
        "\(layer).scales", found: "\(scales.shape)",
        expected: "\([groups, outputs]): \(inputs) inputs in groups of \(groupSize)")
    }
    return PackedLayer(
      layout: layout, inputs: inputs, outputs: outputs,
      words: try tensors.bytes("\(layer).qweight", "I32", [wordRows, wordColumns]),
      groupOf: try groupOf(layer, tensors, inputs: inputs, groups: groups, size: groupSize),
      scales: scales.numbers,
      zeros: zeros(
        try tensors.bytes("\(layer).qzeros", "I32", [groups, outputs / 8]), count: groups * outputs)
    )
  }

  private func zeros(_ words: UnsafeRawBufferPointer, count: Int) -> [Float] {
    let layout = layout
    return (0..<count).map {
      Float((word(words, $0 / 8) >> UInt32(4 * layout.places[$0 % 8]) &+ layout.addend) & 15)
    }
  }

  /// In order, or as `g_idx` says: quantisers that begin with the most important inputs save it.
  private func groupOf(
    _ layer: String, _ tensors: PackedTensors, inputs: Int, groups: Int, size: Int
  ) throws(CheckpointError) -> [Int] {
    let name = "\(layer).g_idx"
    guard method == .gptq, tensors.has(name) else {
      if method == .gptq, settings["desc_act"] == true {
        throw mistake(name, found: "no such tensor", expected: "it, as desc_act is true")
      }
      return (0..<inputs).map { $0 / size }
    }
    let words = try tensors.bytes(name, "I32", [inputs])
    let found = (0..<inputs).map { Int(Int32(bitPattern: word(words, $0))) }
    if let group = found.first(where: { !(0..<groups).contains($0) }) {
      throw mistake(name, found: "group \(group)", expected: "groups from 0 below \(groups)")
    }
    return found
  }

  private static func floats(_ layer: PackedLayer) -> StoredTensor {
    // As many outputs as a line of the cache has integers of.
    unpacked(
      rows: layer.outputs, columns: layer.inputs, together: 16 << layer.layout.outputShift
    ) { output, row in
      layer.unpack(output: output, into: row)
    }
  }
}
