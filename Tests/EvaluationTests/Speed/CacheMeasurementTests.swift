import Documents
import Results
import Students
import Testing
import Transformers

@testable import Evaluation

@Suite struct CacheMeasurementTests {
  @Test(
    arguments: [
      ["mixer": "terrace-window", "windowSize": 16, "sinks": 4, "softmaxLayers": [1]],
      ["window": ["size": 16], "memory": ["kind": "feature-map"]],
      ["mixer": "rad-rwkv7"],
    ] as [JSONValue])
  func `Bytes that are counted are those that decoding holds`(document: JSONValue) throws {
    let teacher = try tinyDecoder()
    let student = try tinyDecoder()
    let specification = try DocumentReader.read(document) { StudentSpecification($0) }
    try student.install(specification, seed: 1, location: "tiny")
    let result = try #require(CacheMeasurement.run(teacher: teacher, student: student))
    #expect(result.points.map(\.length) == CacheResult.lengths)
    let sessions = [teacher, student].map { DecodingSession($0) }
    for session in sessions { _ = session.advance(randomTokens(1024, seed: 1)) }
    #expect(
      [result.points[0].teacherBytes, result.points[0].studentBytes]
        == sessions.map(\.stateBytes))
    #expect(result.judgedShare! < 0.7)
    // Keys and values of one head of 8, in two layers.
    #expect(result.points[2].teacherBytes == 65_536 * 2 * 8 * 2 * 4)
  }
}
