import { Readable } from 'node:stream';
import { Body, Controller, Get, Param, Put, Query, Res } from '@nestjs/common';
import {
  ApiConsumes,
  ApiCreatedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiTags,
} from '@nestjs/swagger';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { CanNeedApproval } from '../access/approval/can-need-approval.js';
import { Caller, type Principal } from '../access/caller.js';
import { RequireScope } from '../access/require-scope.js';
import { ApiPage } from '../answers/api-page.js';
import { parsePage, type Page, type PagedList } from '../database/page.js';
import { Problem } from '../problem/problem.js';
import { toNdjson } from './customer-import.dto.js';
import { checkCustomerId, CustomerImportService } from './customer-import.service.js';
import { CustomerAnswer, fromCustomer } from './customer.answer.js';
import { CustomerListDto, PutCustomerDto, toCustomerChange } from './customer.dto.js';
import { CustomerService } from './customer.service.js';

const NDJSON = 'application/x-ndjson';

const CUSTOMERS: PagedList = { name: 'customers', key: ['text'] };

@ApiTags('Customers')
@Controller('v1/customers')
export class CustomerController {
  constructor(
    private readonly customers: CustomerService,
    private readonly imports: CustomerImportService,
  ) {}

  @Put()
  @RequireScope('billing:write')
  @CanNeedApproval('customer.change')
  @RouteConfig({ takesLines: true })
  @ApiOperation({
    summary: 'Make or change customers, one a line; send all again where it broke off',
  })
  @ApiConsumes(NDJSON)
  @ApiProduces(NDJSON)
  @ApiOkResponse({
    schema: { type: 'string' },
    description: 'What became of each line, and a last line that begins with `"done":true`',
  })
  async putMany(
    @Caller() caller: Principal,
    @Body() body: unknown,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (!(body instanceof Readable)) {
      throw new Problem('unsupported_media_type', `customers are read in bulk as ${NDJSON}`);
    }
    const results = this.imports.import(caller.tenantId, body as AsyncIterable<Buffer>);
    const lines = toNdjson(results);
    // Until the first answer is there, what goes wrong can still be said with a status.
    const first = await lines.next();
    async function* answer(): AsyncGenerator<string> {
      if (first.value !== undefined) yield first.value;
      yield* lines;
    }
    await reply.type(NDJSON).send(Readable.from(answer()));
  }

  @Put(':id')
  @RequireScope('billing:write')
  @CanNeedApproval('customer.change')
  @ApiOperation({ summary: 'Make or change a customer; 201 where it was made' })
  @ApiOkResponse({ type: CustomerAnswer, description: 'It was there, and is so now' })
  @ApiCreatedResponse({ type: CustomerAnswer, description: 'It was made' })
  async put(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() body: PutCustomerDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CustomerAnswer> {
    const change = toCustomerChange(checkCustomerId(id, '/customer_id'), body);
    const { customer, created } = await this.customers.put(caller.tenantId, change);
    reply.code(created ? 201 : 200);
    return fromCustomer(customer);
  }

  @Get()
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'List the customers by id' })
  @ApiPage(CustomerAnswer)
  async list(
    @Caller() caller: Principal,
    @Query() query: CustomerListDto,
  ): Promise<Page<CustomerAnswer>> {
    const isMapped = query.mapped === undefined ? undefined : query.mapped === 'true';
    const page = await this.customers.list(caller.tenantId, isMapped, parsePage(CUSTOMERS, query));
    return { ...page, data: page.data.map(fromCustomer) };
  }

  @Get(':id')
  @RequireScope('usage:read')
  @ApiOperation({ summary: 'Read a customer by its id or an alias' })
  @ApiOkResponse({ type: CustomerAnswer })
  async get(@Caller() caller: Principal, @Param('id') id: string): Promise<CustomerAnswer> {
    return fromCustomer(await this.customers.get(caller.tenantId, id));
  }
}
