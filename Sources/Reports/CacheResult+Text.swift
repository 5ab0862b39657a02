import Documents
import Results

extension CacheResult {
  /// As JSON.
  public var document: JSONValue {
    .array(
      points.map {
        [
          "length": .integer($0.length), "teacherBytes": .integer($0.teacherBytes),
          "studentBytes": .integer($0.studentBytes),
        ]
      })
  }

  /// A row a length.
  var table: TextTable {
    var table = TextTable(["tokens read", "teacher", "student", "share"])
    for point in points {
      table.append([
        Figures.count(point.length), Figures.bytes(point.teacherBytes),
        Figures.bytes(point.studentBytes), Figures.percent(point.share),
      ])
    }
    return table
  }

  /// At the length that is judged, or the longest.
  var sentence: String? {
    guard let point = points.first(where: { $0.length == Self.judgedLength }) ?? points.last else {
      return nil
    }
    return "After \(Figures.count(point.length)) tokens the student's memories take "
      + "\(Figures.bytes(point.studentBytes)), \(Figures.percent(point.share)) of the teacher's "
      + "\(Figures.bytes(point.teacherBytes))."
  }
}
