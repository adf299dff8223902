// Calls a running exchange with AWS's own clients and prints what they understood, as one JSON object.
// Environment: ENTREPOT_URL; PUBLISHER and SUBSCRIBER, each {"id", "secret"} of an access key; STAGE, ids to start from.
import {
  AcceptDataGrantCommand,
  CreateDataGrantCommand,
  CreateDataSetCommand,
  CreateJobCommand,
  CreateRevisionCommand,
  DataExchangeClient,
  GetDataSetCommand,
  GetReceivedDataGrantCommand,
  ListRevisionAssetsCommand,
  ListTagsForResourceCommand,
  SendApiAssetCommand,
  SendDataSetNotificationCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateRevisionCommand,
  paginateListDataSetRevisions,
} from "@aws-sdk/client-dataexchange";
import { ListEntitiesCommand, MarketplaceCatalogClient } from "@aws-sdk/client-marketplace-catalog";

const stage = JSON.parse(process.env.STAGE);

function connect(Client, who) {
  const { id, secret } = JSON.parse(process.env[who]);
  return new Client({
    endpoint: process.env.ENTREPOT_URL,
    region: "us-east-1",
    credentials: { accessKeyId: id, secretAccessKey: secret },
    disableHostPrefix: true,
  });
}

const publisher = connect(DataExchangeClient, "PUBLISHER");
const subscriber = connect(DataExchangeClient, "SUBSCRIBER");
const found = {};

async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return { name: error.name, status: error.$metadata.httpStatusCode, resourceType: error.ResourceType };
  }
  return null;
}

const dataSet = await publisher.send(
  new CreateDataSetCommand({ AssetType: "S3_SNAPSHOT", Name: "By JavaScript ✓", Description: "x", Tags: { a: "1" } }),
);
found.name = dataSet.Name;
found.createdIsDate = dataSet.CreatedAt instanceof Date;
const revisions = [];
for (let n = 0; n < 5; n++) {
  revisions.push((await publisher.send(new CreateRevisionCommand({ DataSetId: dataSet.Id, Comment: `${n}` }))).Id);
}
const seen = [];
found.pages = 0;
for await (const page of paginateListDataSetRevisions({ client: publisher, pageSize: 2 }, { DataSetId: dataSet.Id })) {
  found.pages += 1;
  seen.push(...page.Revisions.map((revision) => revision.Id));
}
found.pagesAreWhole = JSON.stringify(seen) === JSON.stringify(revisions.reverse());
found.comment = (
  await publisher.send(new UpdateRevisionCommand({ DataSetId: dataSet.Id, RevisionId: seen[0], Comment: "changed" }))
).Comment;

// the ARN is one encoded segment of the path
await publisher.send(new TagResourceCommand({ ResourceArn: dataSet.Arn, Tags: { b: "2", "c d": "3" } }));
await publisher.send(new UntagResourceCommand({ ResourceArn: dataSet.Arn, TagKeys: ["a", "c d"] }));
found.tags = (await publisher.send(new ListTagsForResourceCommand({ ResourceArn: dataSet.Arn }))).Tags;

const grant = await publisher.send(
  new CreateDataGrantCommand({
    Name: "By JavaScript",
    GrantDistributionScope: "NONE",
    ReceiverPrincipal: stage.receiver,
    SourceDataSetId: stage.grantedDataSet,
    EndsAt: new Date(Date.now() + 86_400_000),
  }),
);
const accepted = await subscriber.send(new AcceptDataGrantCommand({ DataGrantArn: grant.Arn }));
found.acceptance = accepted.AcceptanceState;
found.received = (await subscriber.send(new GetReceivedDataGrantCommand({ DataGrantArn: grant.Arn }))).Name;
const entitled = await subscriber.send(new GetDataSetCommand({ DataSetId: accepted.DataSetId }));
found.originIsGrant = entitled.OriginDetails.DataGrantId === grant.Id;

const assets = await subscriber.send(
  new ListRevisionAssetsCommand({ DataSetId: stage.entitled, RevisionId: stage.revision }),
);
found.assets = assets.Assets.map((asset) => asset.Name);
const job = await subscriber.send(
  new CreateJobCommand({
    Type: "EXPORT_ASSET_TO_SIGNED_URL",
    Details: {
      ExportAssetToSignedUrl: { DataSetId: stage.entitled, RevisionId: stage.revision, AssetId: assets.Assets[0].Id },
    },
  }),
);
found.job = job.State;
await publisher.send(new SendDataSetNotificationCommand({ DataSetId: stage.dataSet, Type: "DATA_DELAY", Comment: "Late." }));
found.notFound = await refusal(() => subscriber.send(new GetDataSetCommand({ DataSetId: stage.dataSet })));
found.noSuchApi = await refusal(() =>
  subscriber.send(
    new SendApiAssetCommand({ DataSetId: "0".repeat(32), RevisionId: "0".repeat(32), AssetId: "0".repeat(32), Path: "/x" }),
  ),
);

const catalog = connect(MarketplaceCatalogClient, "PUBLISHER");
const entities = await catalog.send(new ListEntitiesCommand({ Catalog: "AWSMarketplace", EntityType: "DataProduct" }));
found.productIsListed = entities.EntitySummaryList.some((entity) => entity.EntityId === stage.product);

console.log(JSON.stringify(found));
