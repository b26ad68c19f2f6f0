internal import JSONText
internal import ServerKit
internal import ServerTestSupport
internal import Testing

@Suite struct OpenAPITests {
    @Test func everyRouteIsDescribedWithItsAccessAndNothingElse() throws {
        let routes = try Fixture().plane.apiRoutes()
        #expect(
            OpenAPI.operations == routes.table.map { "\($0.method.rawValue) \($0.path) \($0.access.rawValue)" }.sorted()
        )
    }

    @Test func documentIsServedAndWellFormed() async throws {
        try await Fixture().test { client in
            let answer = try await client.call(.get, "/openapi.json")
            #expect(answer.status == .ok && answer.headers[.contentType] == "application/json")
            #expect(answer.json["openapi"]?.string == "3.1.0")
            #expect(answer.text == OpenAPI.document)
        }
    }
}
