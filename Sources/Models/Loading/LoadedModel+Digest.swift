import Checkpoints

extension LoadedModel {
  /// SHA-256 of what the model's outputs depend on: the teacher's weights and configuration, and what
  /// a student has of its own. Reads all weights.
  public func contentDigest() throws -> String {
    var hash = ContentHash()
    hash.add("weights", try source.contentDigest())
    hash.add("configuration", source.configuration.compact)
    if let quantization = source.quantization { hash.add("quantization", quantization.compact) }
    if let student {
      hash.add("student", student.student.compact)
      hash.add("seed", String(student.seed))
      hash.add("adapters", student.adapters?.document.compact ?? "")
      for (name, tensor) in student.tensors { hash.add(name, tensor) }
    }
    return hash.hexadecimal
  }

  /// What kind of model it is, in a few words.
  var kind: String {
    let layers = "\(decoder.configuration.family) of \(decoder.layers.count) layers"
    guard let student else { return layers }
    return "\(layers) with \(student.student["mixer"]?.stringValue ?? "another attention")"
  }
}
