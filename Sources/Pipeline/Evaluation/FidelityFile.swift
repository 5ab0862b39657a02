import Checkpoints
import Models
import Results
import TensorCore

/// A fidelity measurement as an HDF5 file, for whoever draws more of it than a report shows:
///
///     layers                  [layers]                int32, indexes of the converted layers
///     heads/NAME              [layers, query heads]   float32, one dataset a number of a head
///     maps/layer, maps/head   [maps]                  int32, whose map it is
///     maps/teacher, /student  [maps, size, size]      float32
///
/// Every dataset says in `dimensions` what its axes are, and in `definition` and `unit` what its
/// numbers are; what belongs to the whole stands in the file's attributes.
public enum FidelityFile {
  /// The file's attribute `format`.
  public static let format = "linearize fidelity 1"

  private struct Quantity: Sendable {
    let name, unit, definition: String
    let value: @Sendable (FidelityResult.Head) -> Double
  }

  private static let quantities: [Quantity] = [
    Quantity(
      name: "mean_squared_error", unit: "squared activation",
      definition:
        "mean over tokens and head dimensions of (student - teacher)^2 of the head's output, before the output projection, on the teacher's residual stream",
      value: { $0.meanSquaredError }),
    Quantity(
      name: "relative_error", unit: "1",
      definition: "mean_squared_error divided by the mean square of the teacher's output",
      value: { $0.relativeError }),
    Quantity(
      name: "divergence", unit: "nats per row",
      definition:
        "KL(teacher's attention row || student's), rows divided by their sums, the student's probability of a key counting at least min(teacher's, 1e-10); mean over rows",
      value: { $0.divergence }),
    Quantity(
      name: "teacher_entropy", unit: "nats per row",
      definition: "-sum p log p of the teacher's attention row; mean over rows",
      value: { $0.teacherEntropy }),
    Quantity(
      name: "student_entropy", unit: "nats per row",
      definition: "-sum p log p of the student's attention row divided by its sum; mean over rows",
      value: { $0.studentEntropy }),
    Quantity(
      name: "monotonicity", unit: "1",
      definition:
        "Spearman's rank correlation of the student's attention weights with its query-key products, over the keys that the teacher sees, ties by mean rank; mean over rows of 3 keys and more",
      value: { $0.monotonicity }),
    Quantity(
      name: "teacher_reach", unit: "tokens",
      definition: "effective sequence length, sum over keys of |i - j| a_ij; mean over rows",
      value: { $0.teacherReach }),
    Quantity(
      name: "student_reach", unit: "tokens",
      definition:
        "effective sequence length of the student's rows divided by their sums; mean over rows",
      value: { $0.studentReach }),
    Quantity(
      name: "teacher_far_mass", unit: "1",
      definition:
        "sum of the teacher's attention weights of keys that have left the student's window and are no sinks; mean over rows that have such; NaN without a window",
      value: { $0.far?.teacherMass ?? .nan }),
    Quantity(
      name: "student_far_mass", unit: "1",
      definition:
        "the same of the student's rows divided by their sums; NaN where it has no attention weights",
      value: { $0.far?.studentMass ?? .nan }),
    Quantity(
      name: "teacher_far_output", unit: "1",
      definition:
        "root mean square of the teacher's output minus that of the student's window alone, over that of the output, over rows that have such keys",
      value: { $0.far?.teacherOutput ?? .nan }),
    Quantity(
      name: "student_far_output", unit: "1",
      definition: "the same of the student's output and its own window's",
      value: { $0.far?.studentOutput ?? .nan }),
  ]

  /// Published atomically: the file is whole or not there.
  ///
  /// - Parameter provenance: what made it, as attributes of the file.
  /// - Throws: `HDF5Error`, `PublicationError`; `InputError` when it reads back otherwise.
  public static func write(
    _ result: FidelityResult, to path: String,
    provenance: [(name: String, value: HDF5Attribute)] = []
  ) throws {
    let indexes = result.layers.map { Int32($0.index) }
    try AtomicFile.publish(
      to: path,
      write: { path in
        let file = try HDF5File.create(path)
        try write(attributesOf: result, provenance, to: file)
        try describe(file.write("layers", indexes), "layer", "index of a converted layer, from 0")
        try write(headsOf: result, to: file)
        if !result.maps.isEmpty { try write(maps: result.maps, to: file) }
        try file.close()
      },
      verify: { path in
        let file = try HDF5File.open(path, isTrusted: true)
        for quantity in quantities {
          let name = "heads/\(quantity.name)"
          let written = elements(of: quantity, result)
          let shape = Shape([result.layers.count, result.layers.first?.heads.count ?? 0])
          guard try file.holds(Tensor(written, shape), at: name) else {
            throw InputError(path, name, "reads back otherwise than it was written")
          }
        }
      })
  }

  private static func write(
    attributesOf result: FidelityResult, _ provenance: [(name: String, value: HDF5Attribute)],
    to file: HDF5File
  ) throws {
    try file.attributes.set("format", to: .string(format))
    try file.attributes.set("tokens", to: .integer(result.tokens))
    if let divergence = result.logitDivergence {
      try file.attributes.set("logit_divergence", to: .number(divergence))
      try file.attributes.set(
        "logit_divergence_definition",
        to: "KL(teacher's next-token distribution || student's), nats, mean over tokens")
    }
    if let agreement = result.topAgreement {
      try file.attributes.set("top_agreement", to: .number(agreement))
      try file.attributes.set(
        "top_agreement_definition",
        to: "share of tokens for which both hold the same next token most probable")
    }
    for (name, value) in provenance { try file.attributes.set(name, to: value) }
  }

  private static func write(headsOf result: FidelityResult, to file: HDF5File) throws {
    let heads = result.layers.first?.heads.count ?? 0
    for quantity in quantities {
      let dataset = try file.write(
        "heads/\(quantity.name)", elements(of: quantity, result),
        shape: [result.layers.count, heads])
      try describe(dataset, "layer (see layers), query head", quantity.definition)
      try dataset.attributes.set("unit", to: .string(quantity.unit))
    }
  }

  /// `[layers, query heads]`.
  private static func elements(of quantity: Quantity, _ result: FidelityResult) -> [Float] {
    result.layers.flatMap { $0.heads.map { Float(quantity.value($0)) } }
  }

  private static func write(maps: [FidelityResult.AttentionMap], to file: HDF5File) throws {
    let size = maps[0].size
    precondition(
      maps.allSatisfy { $0.size == size }, "maps of different sizes: \(Set(maps.map(\.size)))")
    try describe(file.write("maps/layer", maps.map { Int32($0.layer) }), "map", "layer, from 0")
    try describe(
      file.write("maps/head", maps.map { Int32($0.head) }), "map", "query head, from 0")
    for (name, map) in [("teacher", \FidelityResult.AttentionMap.teacher), ("student", \.student)] {
      let dataset = try file.write(
        "maps/\(name)", maps.flatMap { $0[keyPath: map] }, shape: [maps.count, size, size])
      try describe(
        dataset, "map, block of queries, block of keys",
        "the \(name)'s attention weights of the first tokens, averaged over square blocks of positions"
      )
      try dataset.attributes.set("unit", to: "1")
      try dataset.attributes.set("tokens", to: .integer(maps[0].tokens))
    }
  }

  private static func describe(
    _ dataset: HDF5Dataset, _ dimensions: String, _ definition: String
  ) throws {
    try dataset.attributes.set("dimensions", to: .string(dimensions))
    try dataset.attributes.set("definition", to: .string(definition))
  }
}
