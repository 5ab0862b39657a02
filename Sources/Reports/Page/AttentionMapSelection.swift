import Documents
import Foundation
import Results

/// The attention maps that have room in the page, packed for it.
///
/// Every layer gives first its head furthest from the teacher (by KL), then its nearest, then the
/// second furthest and so on, layer after layer, until the room is spent: what went wrong and what
/// went well are both there.
struct AttentionMapSelection {
  typealias Map = FidelityResult.AttentionMap

  struct Packed {
    var map: Map
    var head: FidelityResult.Head?
    var teacher: String
    var student: String

    var name: String { "layer \(map.layer), head \(map.head)" }

    /// The head's numbers, teacher's and student's.
    var words: String {
      var text = name.prefix(1).uppercased() + name.dropFirst()
      guard let head else { return text + "." }
      text +=
        ": KL \(Figures.significant(head.divergence)) nats a row, relative error "
        + "\(Figures.significant(head.relativeError)). Entropy of a row "
        + "\(Figures.decimals(head.teacherEntropy)) nats (teacher), "
        + "\(Figures.decimals(head.studentEntropy)) (student); reach "
        + "\(Figures.rate(head.teacherReach)) and \(Figures.rate(head.studentReach)) tokens."
      return text
    }
  }

  /// By layer and head.
  let maps: [Packed]
  let available: Int

  init(_ fidelity: FidelityResult, bytes: Int) {
    available = fidelity.maps.count
    var left = bytes
    var chosen: [Packed] = []
    for map in Self.ordered(fidelity) {
      let (teacher, student) = map.packed
      let packed = Packed(
        map: map, head: fidelity.head(map.layer, map.head), teacher: teacher.base64EncodedString(),
        student: student.base64EncodedString())
      // What stands around the two maps in the data and in the chooser.
      left -= packed.teacher.utf8.count + packed.student.utf8.count + packed.words.utf8.count + 160
      if left < 0 { break }
      chosen.append(packed)
    }
    maps = chosen.sorted { ($0.map.layer, $0.map.head) < ($1.map.layer, $1.map.head) }
  }

  private static func ordered(_ fidelity: FidelityResult) -> [Map] {
    let byLayer = Dictionary(grouping: fidelity.maps.filter(\.isWhole), by: \.layer)
    let queues = byLayer.sorted { $0.key < $1.key }.map { _, maps in
      let far = maps.sorted {
        let left = fidelity.head($0.layer, $0.head)?.divergence ?? 0
        let right = fidelity.head($1.layer, $1.head)?.divergence ?? 0
        return (right, $0.head) < (left, $1.head)
      }
      return far.indices.map { $0 % 2 == 0 ? far[$0 / 2] : far[far.count - 1 - $0 / 2] }
    }
    let longest = queues.map(\.count).max() ?? 0
    return (0..<longest).flatMap { turn in
      queues.compactMap { $0.indices.contains(turn) ? $0[turn] : nil }
    }
  }

  /// What was left out; nil when nothing was.
  var omittedSentence: String? {
    if maps.count == available { return nil }
    return "\(Figures.count(maps.count)) of \(Figures.count(available)) maps are shown, in every "
      + "layer the heads furthest from and nearest to the teacher, so that this page stays small; "
      + "all of them are in the HDF5 file beside it."
  }

  var view: MapsView {
    let first = maps[0]
    let groups = Dictionary(grouping: maps.indices, by: { maps[$0].map.layer })
      .sorted { $0.key < $1.key }
    let image = { (weights: [Float], map: Map) in
      PNG.dataURL(opacities: map.opacities(weights), width: map.size)
    }
    return MapsView(
      groups: groups.map { layer, indices in
        .init(
          label: "layer \(layer)",
          options: indices.map { index in
            let divergence = maps[index].head.map { " · KL \(Figures.significant($0.divergence))" }
            return .init(value: index, words: maps[index].name + (divergence ?? ""))
          })
      }, teacherLabel: "Attention of the teacher, \(first.name)",
      studentLabel: "Attention of the student, \(first.name)",
      teacherImage: image(first.map.teacher, first.map),
      studentImage: image(first.map.student, first.map), words: first.words,
      legend: "The stronger the colour, the more attention; both maps share one scale, which "
        + "shows square roots so that faint attention is seen. A cell is the mean over a block of "
        + "positions.",
      json: JSONValue.array(maps.map(\.document)).compact
        .replacing("<", with: "\\u003c"))
  }
}

extension AttentionMapSelection.Packed {
  fileprivate var document: JSONValue {
    [
      "name": .string(name), "size": .integer(map.size), "words": .string(words),
      "weights": [.string(teacher), .string(student)],
    ]
  }
}

extension FidelityResult {
  fileprivate func head(_ layer: Int, _ head: Int) -> Head? {
    guard let heads = layers.first(where: { $0.index == layer })?.heads,
      heads.indices.contains(head)
    else { return nil }
    return heads[head]
  }
}

extension FidelityResult.AttentionMap {
  fileprivate var isWhole: Bool {
    size > 0 && teacher.count == size * size && student.count == size * size
  }

  /// Square roots of the weights over the larger maximum of both maps, 0 to 255.
  private func quantized(_ weight: Float, _ largest: Float) -> UInt8 {
    guard weight.isFinite, weight > 0, largest > 0 else { return 0 }
    return UInt8((min(weight / largest, 1).squareRoot() * 255).rounded())
  }

  private var largest: Float { (teacher + student).filter(\.isFinite).max() ?? 0 }

  /// The lower triangles, row by row, a byte a weight.
  fileprivate var packed: (teacher: Data, student: Data) {
    let largest = largest
    let pack = { (weights: [Float]) in
      var bytes = Data(capacity: size * (size + 1) / 2)
      for row in 0..<size {
        for column in 0...row { bytes.append(quantized(weights[row * size + column], largest)) }
      }
      return bytes
    }
    return (pack(teacher), pack(student))
  }

  /// `[size, size]`, 0 above the diagonal.
  fileprivate func opacities(_ weights: [Float]) -> [UInt8] {
    let largest = largest
    return weights.indices.map {
      $0 % size > $0 / size ? 0 : quantized(weights[$0], largest)
    }
  }
}
