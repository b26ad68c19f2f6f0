internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import RunModel
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

@Suite struct TenantMatrixTests {
    @Test func everyRouteByEveryCredentialForEveryTarget() async throws {
        let clock = SettableClock()
        let github = try await GitHubHandle.start(clock: clock)
        let matrix = try await TenantMatrix(try Fixture(limits: .unhurried, github: github, clock: clock))
        let cells = try await matrix.fixture.test { client in try await matrix.check(MatrixRow.api, client) }
        print("tenant matrix: \(matrix.fixture.makeRoutes().table.count) routes, \(cells) cells")
        #expect(cells > 1000)
    }

    @Test func nothingIsRoutedPastTheTable() throws {
        let routes = try Fixture().makeRoutes()
        let inTable = routes.table.map { "\($0.method) \($0.path)" }.sorted()
        let normalized = routes.routed.map { $0.hasSuffix("/") && $0.count > 5 ? String($0.dropLast()) : $0 }
        #expect(
            normalized.map { $0.filter { $0 != "{" && $0 != "}" } } == inTable.map { $0.filter { $0 != ":" } }
                || normalized == inTable)
    }

    @Test func unknownPathsAndMethodsAnswerAsProblems() async throws {
        let fixture = try Fixture()
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            let unknown = try await client.call(.get, "/nothing/here")
            #expect(unknown.status == .notFound && unknown.problem == "not-found")
            #expect(unknown.headers[.xContentTypeOptions] == "nosniff")
            let method = try await client.call(.delete, "/healthz")
            #expect(method.status == .methodNotAllowed && method.headers[.allow] == "GET")
            #expect(try await client.call(.post, "/api/v1/runs/x").headers[.allow] == "DELETE, GET, PUT")
        }
    }
}
