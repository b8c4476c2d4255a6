/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//AddServiceStackTypes: True
//AddDocAnnotations: True
//AddDescriptionAsComments: True
//IncludeTypes: 
//ExcludeTypes: 
//DefaultImports: 
*/

"use strict";
/** @typedef {'mp3'|'json_object'} */
export var Mode;
(function (Mode) {
    Mode["MP3"] = "mp3";
    Mode["JsonObject"] = "json_object";
})(Mode || (Mode = {}));
/** @typedef {number} */
export var Task;
(function (Task) {
    Task[Task["TextToImage"] = 1] = "TextToImage";
    Task[Task["SpeechToText"] = 8] = "SpeechToText";
})(Task || (Task = {}));
/** @typedef TKey {any} */
/** @typedef TValue {any} */
export class KeyValuePair {
    /** @param {{key?:TKey,value?:TValue}} [init] */
    constructor(init) { Object.assign(this, init) }
    /** @type {TKey} */
    key;
    /** @type {TValue} */
    value;
}
export class ResponseError {
    /** @param {{errorCode?:string,fieldName?:string}} [init] */
    constructor(init) { Object.assign(this, init) }
    /** @type {string} */
    errorCode;
    /** @type {string} */
    fieldName;
}
export class ResponseStatus {
    /** @param {{message?:string,errors?:ResponseError[]}} [init] */
    constructor(init) { Object.assign(this, init) }
    /** @type {string} */
    message;
    /** @type {ResponseError[]} */
    errors;
}
/** @description A thing of every kind. In two lines. */
export class Thing {
    /** @param {{id?:number,parentId?:number,from?:string,max_tokens?:number,logprobs?:boolean,share?:number,denoise?:number,cost?:number,enabled?:boolean,createdDate?:string,offlineDate?:string,duration?:string,bytes?:string,anything?:any,tags?:string[],names?:string[],apiModels?:{ [index:string]: string; },counts?:{ [index:number]: number; },paths?:{ [index:string]: string[]; },mode?:Mode,task?:Task,pairs?:KeyValuePair<string, number>[],other?:Thing,error?:ResponseStatus}} [init] */
    constructor(init) { Object.assign(this, init) }
    /**
     * @type {number}
     * @description The number that it is known by. */
    id;
    /** @type {?number} */
    parentId;
    /** @type {string} */
    from;
    /**
     * @type {?number}
     * @description At most so many; "about" will do. * / */
    max_tokens;
    /** @type {?boolean} */
    logprobs;
    /** @type {number} */
    share;
    /** @type {?number} */
    denoise;
    /** @type {number} */
    cost;
    /** @type {boolean} */
    enabled;
    /** @type {string} */
    createdDate;
    /** @type {?string} */
    offlineDate;
    /** @type {?string} */
    duration;
    /** @type {string} */
    bytes;
    /** @type {any} */
    anything;
    /** @type {string[]} */
    tags = [];
    /** @type {string[]} */
    names;
    /** @type {{ [index:string]: string; }} */
    apiModels = {};
    /** @type {?{ [index:number]: number; }} */
    counts;
    /** @type {?{ [index:string]: string[]; }} */
    paths;
    /** @type {Mode} */
    mode;
    /** @type {?Task} */
    task;
    /** @type {KeyValuePair<string, number>[]} */
    pairs;
    /** @type {?Thing} */
    other;
    /** @type {ResponseStatus} */
    error;
}
/** @typedef {'TopLeft'|'Center'} */
export var Plain;
(function (Plain) {
    Plain["TopLeft"] = "TopLeft";
    Plain["Center"] = "Center";
})(Plain || (Plain = {}));
export class Special extends Thing {
    /** @param {{place?:Plain,id?:number,parentId?:number,from?:string,max_tokens?:number,logprobs?:boolean,share?:number,denoise?:number,cost?:number,enabled?:boolean,createdDate?:string,offlineDate?:string,duration?:string,bytes?:string,anything?:any,tags?:string[],names?:string[],apiModels?:{ [index:string]: string; },counts?:{ [index:number]: number; },paths?:{ [index:string]: string[]; },mode?:Mode,task?:Task,pairs?:KeyValuePair<string, number>[],other?:Thing,error?:ResponseStatus}} [init] */
    constructor(init) { super(init); Object.assign(this, init) }
    /** @type {?Plain} */
    place;
}
export class QueryBase {
    /** @param {{skip?:number,take?:number,orderBy?:string,orderByDesc?:string,include?:string,fields?:string,meta?:{ [index:string]: string; }}} [init] */
    constructor(init) { Object.assign(this, init) }
    /** @type {?number} */
    skip;
    /** @type {?number} */
    take;
    /** @type {string} */
    orderBy;
    /** @type {string} */
    orderByDesc;
    /** @type {string} */
    include;
    /** @type {string} */
    fields;
    /** @type {{ [index:string]: string; }} */
    meta;
}
/** @typedef T {any} */
export class QueryDb extends QueryBase {
    /** @param {{skip?:number,take?:number,orderBy?:string,orderByDesc?:string,include?:string,fields?:string,meta?:{ [index:string]: string; }}} [init] */
    constructor(init) { super(init); Object.assign(this, init) }
}
export class MakeThingResponse {
    /** @param {{results?:Thing[],responseStatus?:ResponseStatus}} [init] */
    constructor(init) { Object.assign(this, init) }
    /** @type {?Thing[]} */
    results;
    /** @type {?ResponseStatus} */
    responseStatus;
}
/** @typedef T {any} */
export class QueryResponse {
    /** @param {{offset?:number,total?:number,results?:T[],responseStatus?:ResponseStatus}} [init] */
    constructor(init) { Object.assign(this, init) }
    /** @type {number} */
    offset;
    /** @type {number} */
    total;
    /** @type {T[]} */
    results;
    /** @type {ResponseStatus} */
    responseStatus;
}
/** @description Makes a thing. */
export class MakeThing {
    /** @param {{image?:string,prompt?:string,mode?:Mode,refId?:string,tag?:string}} [init] */
    constructor(init) { Object.assign(this, init) }
    /** @type {string} */
    image;
    /**
     * @type {string}
     * @description What to make. */
    prompt;
    /** @type {Mode} */
    mode;
    /** @type {?string} */
    refId;
    /** @type {?string} */
    tag;
    getTypeName() { return 'MakeThing'; }
    getMethod() { return 'POST'; }
    createResponse() { return new MakeThingResponse(); }
}
export class MakeSpecial extends Special {
    /** @param {{provider?:string,place?:Plain,id?:number,parentId?:number,from?:string,max_tokens?:number,logprobs?:boolean,share?:number,denoise?:number,cost?:number,enabled?:boolean,createdDate?:string,offlineDate?:string,duration?:string,bytes?:string,anything?:any,tags?:string[],names?:string[],apiModels?:{ [index:string]: string; },counts?:{ [index:number]: number; },paths?:{ [index:string]: string[]; },mode?:Mode,task?:Task,pairs?:KeyValuePair<string, number>[],other?:Thing,error?:ResponseStatus}} [init] */
    constructor(init) { super(init); Object.assign(this, init) }
    /** @type {?string} */
    provider;
    getTypeName() { return 'MakeSpecial'; }
    getMethod() { return 'POST'; }
    createResponse() { return new MakeThingResponse(); }
}
export class QueryThings extends QueryDb {
    /** @param {{id?:number,skip?:number,take?:number,orderBy?:string,orderByDesc?:string,include?:string,fields?:string,meta?:{ [index:string]: string; }}} [init] */
    constructor(init) { super(init); Object.assign(this, init) }
    /** @type {?number} */
    id;
    getTypeName() { return 'QueryThings'; }
    getMethod() { return 'GET'; }
    createResponse() { return new QueryResponse(); }
}
export class CreateThing {
    /** @param {{name?:string}} [init] */
    constructor(init) { Object.assign(this, init) }
    /** @type {string} */
    name;
    getTypeName() { return 'CreateThing'; }
    getMethod() { return 'POST'; }
    createResponse() { return new MakeThingResponse(); }
}
/** @description Deletes it. */
export class DeleteThing {
    /** @param {{id?:number}} [init] */
    constructor(init) { Object.assign(this, init) }
    /** @type {number} */
    id;
    getTypeName() { return 'DeleteThing'; }
    getMethod() { return 'DELETE'; }
    createResponse() { }
}
export class GetThingFile {
    /** @param {{}} [init] */
    constructor(init) { Object.assign(this, init) }
    getTypeName() { return 'GetThingFile'; }
    getMethod() { return 'GET'; }
    createResponse() { return new Blob(); }
}
export class GetThingText {
    /** @param {{}} [init] */
    constructor(init) { Object.assign(this, init) }
    getTypeName() { return 'GetThingText'; }
    getMethod() { return 'GET'; }
    createResponse() { return ''; }
}
export class GetThingNames {
    /** @param {{}} [init] */
    constructor(init) { Object.assign(this, init) }
    getTypeName() { return 'GetThingNames'; }
    getMethod() { return 'GET'; }
    createResponse() { return []; }
}
