import Documents

/// The header of a safetensors file, checked against the length of its data.
struct SafetensorsHeader {
  private(set) var tensors: [TensorDescription] = []
  private(set) var metadata: JSONValue = .object(JSONObject())

  private let path: String
  private let dataStart: Int

  /// - Parameters:
  ///   - dataStart: offset of the data in the file, in bytes.
  ///   - dataBytes: what the file holds from there on.
  init(
    _ document: JSONValue, path: String, dataStart: Int, dataBytes: Int
  ) throws(CheckpointError) {
    self.path = path
    self.dataStart = dataStart
    guard let object = document.objectValue else {
      throw CheckpointError(
        path, "header", found: document.kindDescription, expected: "an object")
    }
    for (name, value) in object.members {
      if name == "__metadata__" {
        // Some writers say null where they have none; the reference reads it so.
        if !value.isNull { metadata = try checkedMetadata(value) }
      } else {
        tensors.append(try tensor(name, value))
      }
    }
    tensors.sort {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    try checkOrder(end: dataStart + dataBytes)
  }

  private func checkedMetadata(_ value: JSONValue) throws(CheckpointError) -> JSONValue {
    guard let members = value.objectValue?.members else {
      throw CheckpointError(
        path, "__metadata__", found: value.kindDescription, expected: "an object of strings")
    }
    for (key, value) in members where value.stringValue == nil {
      throw CheckpointError(
        path, "__metadata__.\(key)", found: value.kindDescription, expected: "a string")
    }
    return value
  }

  private func tensor(_ name: String, _ value: JSONValue) throws(CheckpointError)
    -> TensorDescription
  {
    let place = "tensor \(JSONValue.string(name).compact)"
    guard !name.isEmpty else {
      throw CheckpointError(path, place, found: "an empty name", expected: "a name")
    }
    guard let entry = value.objectValue else {
      throw CheckpointError(
        path, place, found: value.kindDescription,
        expected: "an object of dtype, shape and data_offsets")
    }
    // Further fields say nothing about where the bytes are: the reference passes over them.
    guard let type = entry["dtype"]?.stringValue else {
      throw mistake(place, "dtype", entry["dtype"], "the name of a type")
    }
    let shape = try numbers(place, "shape", entry["shape"])
    let offsets = try numbers(place, "data_offsets", entry["data_offsets"])
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw mistake(place, "data_offsets", entry["data_offsets"], "a begin and an end after it")
    }
    guard offsets[1] <= Int.max - dataStart else {
      throw mistake(place, "data_offsets", entry["data_offsets"], "offsets inside the file")
    }
    try checkSize(place, type: type, shape: shape, bytes: offsets[1] - offsets[0])
    return TensorDescription(
      name: name, type: type, shape: shape,
      bytes: (dataStart + offsets[0])..<(dataStart + offsets[1]), file: path)
  }

  private func checkSize(
    _ place: String, type: String, shape: [Int], bytes: Int
  ) throws(CheckpointError) {
    // An empty tensor is valid, but a 0 must not hide dimensions that overflow in another order.
    var count = 1
    for dimension in shape {
      let (product, isTooLarge) = count.multipliedReportingOverflow(by: max(1, dimension))
      if isTooLarge { throw tooLarge(place, shape) }
      count = product
    }
    // The size of an unknown type cannot be checked; it is only ever listed.
    guard let bits = SafetensorsFile.bits(type) else { return }
    let (product, isTooLarge) = count.multipliedReportingOverflow(by: bits)
    if isTooLarge { throw tooLarge(place, shape) }
    let size = shape.contains(0) ? 0 : product
    guard size % 8 == 0, size / 8 == bytes else {
      throw CheckpointError(
        path, "\(place).data_offsets", found: "\(bytes) bytes",
        expected: "the \(size / 8) bytes of \(shape) of \(type)")
    }
  }

  private func tooLarge(_ place: String, _ shape: [Int]) -> CheckpointError {
    CheckpointError(
      path, "\(place).shape", found: "\(shape)", expected: "a size that fits 64 bits")
  }

  private func numbers(
    _ place: String, _ key: String, _ value: JSONValue?
  ) throws(CheckpointError) -> [Int] {
    guard let elements = value?.arrayValue else {
      throw mistake(place, key, value, "an array of integers")
    }
    var numbers: [Int] = []
    for (index, element) in elements.enumerated() {
      guard case .integer(let number) = element, number >= 0 else {
        throw mistake(place, "\(key)[\(index)]", element, "an integer that is not negative")
      }
      numbers.append(number)
    }
    return numbers
  }

  private func mistake(
    _ place: String, _ key: String, _ value: JSONValue?, _ expected: String
  ) -> CheckpointError {
    CheckpointError(
      path, "\(place).\(key)",
      found: value.map { $0.arrayValue == nil ? $0.kindDescription : $0.compact } ?? "nothing",
      expected: expected)
  }

  private func checkOrder(end: Int) throws(CheckpointError) {
    var position = dataStart
    for tensor in tensors {
      guard tensor.bytes.lowerBound == position else {
        let isOverlap = tensor.bytes.lowerBound < position
        throw CheckpointError(
          path, "tensor \(JSONValue.string(tensor.name).compact).data_offsets",
          found:
            "a begin of \(tensor.bytes.lowerBound - dataStart), which \(isOverlap ? "overlaps the tensor before" : "leaves a gap")",
          expected: "\(position - dataStart)")
      }
      position = tensor.bytes.upperBound
    }
    guard position == end else {
      throw CheckpointError(
        path, "byte \(min(position, end))",
        found: "a file that ends at byte \(end)", expected: "its last tensor's end, \(position)",
        remedy: position > end ? "the file is truncated" : "bytes follow that belong to nothing")
    }
  }
}
