import Documents
import Foundation
import Operations
import TestSupport
import Testing

@testable import Transformers

/// What `scripts/goldens/defaults.py` had transformers make of keys that are absent, null, or said
/// twice.
@Suite struct ConfigurationDefaultsTests {
  private static func cases() throws -> [JSONValue] {
    let file = TeacherGolden.folder.appendingPathComponent("defaults/defaults.json")
    return try #require(try JSONValue(parsing: try Data(contentsOf: file)).arrayValue)
  }

  @Test func `a configuration means what it means to transformers`() throws {
    var families: Set<String> = []
    for golden in try Self.cases() {
      let document = try #require(golden["configuration"])
      let expected = try #require(golden["expected"])
      // What transformers refuses has no meaning to compare with.
      if expected.isNull { continue }
      let name = document.compact
      families.insert(try #require(document["model_type"]?.stringValue))
      let found: DecoderConfiguration
      do {
        found = try TeacherFamilies.read(document, location: "tiny").architecture.configuration
      } catch {
        Issue.record("\(name): \(error)")
        continue
      }
      #expect(found.attention.keyValueHeads == expected["keyValueHeads"]?.intValue, "\(name)")
      #expect(found.attention.headDim == expected["headDim"]?.intValue, "\(name)")
      #expect(found.tiesHead == expected["tiesHead"]?.boolValue, "\(name)")
      let windows = try #require(expected["windows"]?.arrayValue).map(\.intValue)
      #expect(found.slidingWindows == windows, "\(name)")
      let activation = ConfigurationReader(["a": expected["activation"]!]).activation("a")
      #expect(found.feedForward.activation == activation, "\(name)")
      try compareRotary(found, expected, name)
    }
    #expect(families.count == 10)
  }

  private func compareRotary(
    _ found: DecoderConfiguration, _ expected: JSONValue, _ name: String
  ) throws {
    guard case .rotary(let layers) = found.positions else {
      Issue.record("\(name): no rotary positions")
      return
    }
    let tables = try #require(expected["frequencies"]?.arrayValue)
    for (rotary, table) in zip(layers, tables) {
      let wanted = table.arrayValue?.compactMap(\.doubleValue)
      #expect(rotary?.frequencies.count == wanted?.count, "\(name)")
      for (frequency, wanted) in zip(rotary?.frequencies ?? [], wanted ?? []) {
        #expect(abs(frequency - wanted) <= 1e-6 * wanted, "\(name)")
      }
    }
    let amplitude = try #require(expected["amplitude"]?.doubleValue)
    let scales = layers.compactMap { $0?.amplitude }
    #expect(abs((scales.max() ?? 1) - amplitude) < 1e-9, "\(name)")
  }
}
